// The `.debug_pkl` beside a code file: which line of the original Python a byte of the code came from.
// Purely informative: damaged or foreign tables yield nothing rather than an error.
// Writers used three layouts; rows are (byte offset, range) with an optional tag, sources are text or lines.

import type { PickleValue } from './value.js';

/** A place in the Python that was scripted or traced. */
export interface SourceOrigin {
  readonly file: string;
  /** 1-based. */
  readonly line: number;
  /** The line itself, trimmed. */
  readonly text: string;
}

interface Row {
  readonly offset: number;
  readonly range: readonly PickleValue[];
}

/** The origins of one code file. */
export interface SourceOrigins {
  /** The original place of the code at a byte offset of the serialized text. */
  at(offset: number): SourceOrigin | undefined;
}

const STRING_TABLE = 'FORMAT_WITH_STRING_TABLE';

/** Reads an unpickled debug table; rows that are not of a known form are dropped. */
export function sourceOrigins(table: PickleValue): SourceOrigins {
  const top = items(table);
  const tagged = text(top[0]) === STRING_TABLE;
  const strings = tagged ? items(top[1]).map((s) => text(s) ?? '') : undefined;
  const rows = (tagged ? items(top[2]) : top).flatMap((row): Row[] => {
    const [offset, ...rest] = items(row);
    const range = rest.find((part) => part.kind === 'tuple');
    return offset?.kind === 'int' && range ? [{ offset: Number(offset.value), range: items(range) }] : [];
  });
  rows.sort((a, b) => a.offset - b.offset);
  return { at: (offset) => origin(lastAtOrBefore(rows, offset), strings) };
}

function lastAtOrBefore(rows: readonly Row[], offset: number): Row | undefined {
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (rows[middle]!.offset <= offset) low = middle + 1;
    else high = middle;
  }
  return rows[low - 1];
}

function origin(row: Row | undefined, strings: readonly string[] | undefined): SourceOrigin | undefined {
  const [source, start] = row?.range ?? [];
  const [body, name, first] = items(source);
  if (body === undefined || start?.kind !== 'int' || first?.kind !== 'int') return undefined;
  const look = (v: PickleValue | undefined) =>
    strings && v?.kind === 'int' ? strings[Number(v.value)] : text(v);
  const whole = strings && body.kind === 'list' ? body.items.map(look).join('') : text(body);
  const file = look(name);
  if (!whole || !file) return undefined;
  // Offsets count UTF-8 bytes.
  const prefix = new TextEncoder().encode(whole).subarray(0, Number(start.value));
  const before = prefix.reduce((n, byte) => n + (byte === 10 ? 1 : 0), 0);
  const line = whole.split('\n')[before] ?? '';
  return { file, line: Number(first.value) + before, text: line.trim() };
}

function items(value: PickleValue | undefined): readonly PickleValue[] {
  return value?.kind === 'tuple' || value?.kind === 'list' ? value.items : [];
}

function text(value: PickleValue | undefined): string | undefined {
  return value?.kind === 'string' ? value.value : undefined;
}
