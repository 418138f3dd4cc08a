// docs/operators.md from the declarations.
import type { AttrSpec, OpDecl, OperandSpec } from './declare.js';
import { OPERATORS } from './table.js';

function operandText({ name, when, variadic }: OperandSpec): string {
  const base = variadic ? `${name}...` : name;
  return when === undefined ? base : `[${base} if ${when}]`;
}

function attrLine(name: string, spec: AttrSpec): string {
  const fallback = spec.default === undefined ? '' : `, default \`${JSON.stringify(spec.default)}\``;
  const choice =
    spec.oneOf === undefined
      ? ''
      : ` One of ${spec.oneOf.map((s) => (s === '' ? '(empty)' : `\`${s}\``)).join(', ')}.`;
  return `- \`${name}\` (${spec.kind}${fallback}): ${spec.doc}.${choice}`;
}

function toleranceText({ tolerance: { relative, absolute } }: OpDecl): string {
  if (relative === 0 && absolute === 0) return 'exact';
  return `relative ${relative}, absolute ${absolute} of the largest magnitude`;
}

function section(decl: OpDecl): string {
  const regions =
    decl.regions === undefined ? '' : `, ${decl.regions} region${decl.regions === 1 ? '' : 's'}`;
  const attrs = Object.entries(decl.attrs).map(([name, spec]) => attrLine(name, spec));
  const lines = [
    `### ${decl.name}`,
    '',
    `\`${decl.name}(${decl.operands.map(operandText).join(', ')})\`${regions}. ${decl.doc}`,
    '',
    ...(attrs.length > 0 ? [...attrs, ''] : []),
    `Tolerance: ${toleranceText(decl)}.`,
    '',
  ];
  return lines.join('\n');
}

const INTRODUCTION = `# Operators of the graph

Generated from \`src/ops\`; \`npm test\` fails when this page is stale.

Frontends bring every model into these operators, passes rewrite them, the backend lowers them. Elementwise operators
broadcast as in numpy. Results have the element type of the operands where nothing else is said. The tolerance says how far a
compiled result may be from the reference evaluator in fp32; narrower floats add half a unit of their last place.
`;

/** The page, from the table. */
export function operatorsMarkdown(): string {
  const families = [...new Set([...OPERATORS.values()].map((d) => d.family))];
  const parts = families.map((family) => {
    const own = [...OPERATORS.values()].filter((d) => d.family === family);
    return [`## ${family}`, '', ...own.map(section)].join('\n');
  });
  return `${[INTRODUCTION, ...parts].join('\n').trimEnd()}\n`;
}
