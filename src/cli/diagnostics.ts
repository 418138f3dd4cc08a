// How diagnostics are printed: the code and the fact, then where, then what to do. The same text with and without colours.
import type { Diagnostic, Place } from '../base/diagnostic.js';
import type { Style } from './style.js';

function placeText({ file, node, line, offset }: Place): string {
  const parts = [
    ...(file === undefined ? [] : [file]),
    ...(node === undefined ? [] : [`node '${node}'`]),
    ...(line === undefined ? [] : [`line ${line}`]),
    ...(offset === undefined ? [] : [`byte ${offset}`]),
  ];
  return parts.join(', ');
}

/** One diagnostic as lines, the last one ended too. */
export function diagnosticText(d: Diagnostic, style: Style): string {
  const colour = { error: style.red, warning: style.yellow, note: style.cyan }[d.severity];
  const [first = '', ...more] = d.message.split('\n');
  const place = d.where === undefined ? '' : placeText(d.where);
  const lines = [
    `${colour(style.bold(`${d.severity}[${d.code}]`))}: ${first}`,
    ...more.map((line) => `  ${line}`),
    ...(place === '' ? [] : [`  ${style.dim('at')} ${place}`]),
    ...(d.hint === undefined ? [] : [`  ${style.dim('help:')} ${d.hint}`]),
  ];
  return `${lines.join('\n')}\n`;
}
