// String literals: the escapes that the serializer writes (octal bytes for everything outside printable ASCII)
// and those that Python has besides. A literal stands for UTF-8 bytes; a tree holds the decoded text.

const SIMPLE: Readonly<Record<string, string>> = {
  '\\': '\\',
  "'": "'",
  '"': '"',
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
};

const ESCAPE = /\\(?:([0-7]{1,3})|x([0-9a-fA-F]{2})|(\r?\n)|([\s\S]))/g;
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The text that the inside of a literal stands for, or undefined if its bytes are not UTF-8. */
export function unescapeString(body: string): string | undefined {
  if (!body.includes('\\')) return body;
  // One character per byte while escapes are replaced, since an escape may be part of a UTF-8 sequence.
  const bytes = Buffer.from(body, 'utf8').toString('latin1').replace(ESCAPE, escapedByte);
  try {
    return UTF8.decode(Buffer.from(bytes, 'latin1'));
  } catch {
    return undefined;
  }
}

function escapedByte(whole: string, octal?: string, hex?: string, newline?: string, other?: string): string {
  if (octal !== undefined) return String.fromCharCode(Number.parseInt(octal, 8) & 0xff);
  if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16));
  if (newline !== undefined) return '';
  // An unknown escape stays as it is, backslash included.
  return other !== undefined && Object.hasOwn(SIMPLE, other) ? SIMPLE[other]! : whole;
}

/** A double-quoted literal of `text` in printable ASCII. */
export function quoteString(text: string): string {
  let out = '"';
  for (const byte of new TextEncoder().encode(text)) {
    const c = String.fromCharCode(byte);
    if (c === '"' || c === '\\') out += `\\${c}`;
    else if (byte >= 32 && byte < 127) out += c;
    else if (c === '\n') out += '\\n';
    else out += `\\${byte.toString(8).padStart(3, '0')}`;
  }
  return `${out}"`;
}
