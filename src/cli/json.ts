// The JSON documents of `--json`: numbers that JSON has not are strings (NaN, Infinity, -Infinity; integers beyond 2^53).

export type JsonDocument = { readonly [key: string]: unknown };

function plain(_key: string, value: unknown): unknown {
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value);
  if (typeof value !== 'bigint') return value;
  return value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER)
    ? Number(value)
    : String(value);
}

/** A document as one line. */
export function jsonText(document: JsonDocument): string {
  return `${JSON.stringify(document, plain)}\n`;
}
