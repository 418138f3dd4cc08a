// Pickles as a list of operations with their operands: `{ code, kind, value }`. Only the operations that PyTorch writes are
// known; at any other the rest stays one piece.

/** What follows each operation. */
const OPERANDS = {
  128: 'u8', // PROTO
  75: 'u8', // BININT1
  77: 'u16', // BININT2
  74: 'i32', // BININT
  138: 'long', // LONG1
  71: 'f64', // BINFLOAT
  88: 'text', // BINUNICODE
  99: 'global', // GLOBAL
  113: 'u8', // BINPUT
  114: 'u32', // LONG_BINPUT
  104: 'u8', // BINGET
  106: 'u32', // LONG_BINGET
  149: 'u64', // FRAME
};
/** Operations without an operand: marks, containers, calls, persistent names, constants. */
const BARE = Buffer.from('()t]}\x81\x85\x86\x87\x88\x89NRQbesua.0l', 'latin1');

const NUMBERS = {
  u8: [1, 0n, 255n],
  u16: [2, 0n, 65535n],
  i32: [4, -(1n << 31n), (1n << 31n) - 1n],
  u32: [4, 0n, (1n << 32n) - 1n],
  u64: [8, 0n, (1n << 64n) - 1n],
};

function readOperand(bytes, at, kind) {
  const number = NUMBERS[kind];
  if (number !== undefined) {
    let value = 0n;
    for (let i = 0; i < number[0]; i++) value |= BigInt(bytes[at + i] ?? 0) << BigInt(8 * i);
    return [kind === 'i32' ? BigInt.asIntN(32, value) : value, number[0]];
  }
  if (kind === 'f64') return [bytes.readDoubleBE(at), 8];
  if (kind === 'text') {
    const length = bytes.readUInt32LE(at);
    return [bytes.toString('latin1', at + 4, at + 4 + length), 4 + length];
  }
  if (kind === 'long') return [bytes.subarray(at + 1, at + 1 + bytes[at]), 1 + bytes[at]];
  const end = bytes.indexOf(0x0a, bytes.indexOf(0x0a, at) + 1) + 1;
  return [bytes.toString('latin1', at, end), end - at];
}

export function readPickle(bytes) {
  const operations = [];
  for (let at = 0; at < bytes.length; ) {
    const code = bytes[at];
    const kind = OPERANDS[code];
    if (kind === undefined && !BARE.includes(code)) {
      operations.push({ kind: 'rest', value: bytes.subarray(at) });
      break;
    }
    const [value, length] = kind === undefined ? [undefined, 0] : readOperand(bytes, at + 1, kind);
    operations.push({ code, kind: kind ?? 'bare', value });
    at += 1 + length;
  }
  return operations;
}

function operandBytes({ kind, value }) {
  const number = NUMBERS[kind];
  if (number !== undefined) {
    const [width] = number;
    const raw = BigInt.asUintN(8 * width, value);
    return Buffer.from(Array.from({ length: width }, (_, i) => Number((raw >> BigInt(8 * i)) & 255n)));
  }
  if (kind === 'f64') {
    const out = Buffer.alloc(8);
    out.writeDoubleBE(value);
    return out;
  }
  if (kind === 'bare') return Buffer.alloc(0);
  if (kind === 'long') return Buffer.concat([Buffer.of(value.length), value]);
  const text = Buffer.from(value, 'latin1');
  if (kind !== 'text') return text;
  const length = Buffer.alloc(4);
  length.writeUInt32LE(text.length);
  return Buffer.concat([length, text]);
}

export function writePickle(operations) {
  return Buffer.concat(
    operations.flatMap((op) => (op.kind === 'rest' ? [op.value] : [Buffer.of(op.code), operandBytes(op)])),
  );
}

/** Bounds of the operand, where it is a number. */
export const operandBounds = ({ kind }) => NUMBERS[kind]?.slice(1);

/** Codes of the operations without an operand. */
export const BARE_CODES = [...BARE];
