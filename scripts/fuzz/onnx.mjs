// ONNX files with something changed: bytes of the file, or fields of its messages, whose lengths are then made right again.
// Messages are told from strings by whether they parse, without a schema.
import { editBytes, editList, integerNear } from './edits.mjs';

/** @returns the bytes of a file that was `bytes` before */
export function mutateModel(random, bytes) {
  if (random.chance(0.15)) return editBytes(random, bytes);
  const fields = readMessage(bytes) ?? [];
  const strings = fields.flatMap(stringsOf);
  let message = fields;
  for (let n = random.integer(1, 2); n > 0; n--) message = editMessage(random, message, strings);
  return writeMessage(message);
}

/** Goes down a random path of messages and edits the fields of the one it ends in. */
function editMessage(random, fields, strings) {
  const inner = fields.flatMap(({ message }, i) => (message === undefined ? [] : [i]));
  if (inner.length > 0 && random.chance(0.8)) {
    const at = random.pick(inner);
    const { number, message } = fields[at];
    return fields.toSpliced(at, 1, { number, wire: 2, message: editMessage(random, message, strings) });
  }
  return editList(random, fields, (field) => changedField(random, field, strings));
}

function changedField(random, field, strings) {
  if (random.chance(0.03)) return { ...field, number: random.integer(1, 20) };
  switch (field.wire) {
    case 0:
      return { ...field, value: BigInt.asUintN(64, integerNear(random, field.value)) };
    case 2:
      return {
        number: field.number,
        wire: 2,
        bytes: random.chance(0.25)
          ? editBytes(random, bytesOf(field))
          : strings.length > 0
            ? random.pick(strings)
            : Buffer.alloc(0),
      };
    default:
      return { ...field, bytes: editBytes(random, field.bytes).subarray(0, field.bytes.length) };
  }
}

const bytesOf = ({ bytes, message }) => bytes ?? writeMessage(message);

function stringsOf({ wire, bytes, message }) {
  if (message !== undefined) return message.flatMap(stringsOf);
  return wire === 2 && bytes.length < 64 ? [bytes] : [];
}

function readVarint(bytes, start) {
  let value = 0n;
  for (let at = start; at < bytes.length && at < start + 10; at++) {
    value |= BigInt(bytes[at] & 127) << BigInt(7 * (at - start));
    if (bytes[at] < 128) return [value, at + 1];
  }
  return undefined;
}

/** The fields of a message, or undefined where the bytes are none. */
function readMessage(bytes) {
  const fields = [];
  for (let at = 0; at < bytes.length; ) {
    const tag = readVarint(bytes, at);
    if (tag === undefined) return undefined;
    const [number, wire] = [Number(tag[0] >> 3n), Number(tag[0] & 7n)];
    at = tag[1];
    if (number === 0 || number > 100 || ![0, 1, 2, 5].includes(wire)) return undefined;
    if (wire === 0 || wire === 2) {
      const read = readVarint(bytes, at);
      if (read === undefined) return undefined;
      at = read[1];
      if (wire === 0) fields.push({ number, wire, value: read[0] });
      else {
        const length = Number(read[0]);
        if (at + length > bytes.length) return undefined;
        const inside = bytes.subarray(at, at + length);
        const message = length > 1 ? readMessage(inside) : undefined;
        fields.push(message === undefined ? { number, wire, bytes: inside } : { number, wire, message });
        at += length;
      }
    } else {
      const length = wire === 1 ? 8 : 4;
      if (at + length > bytes.length) return undefined;
      fields.push({ number, wire, bytes: bytes.subarray(at, at + length) });
      at += length;
    }
  }
  return fields;
}

function varint(value) {
  const out = [];
  let rest = value;
  for (; rest > 127n; rest >>= 7n) out.push(Number(rest & 127n) | 128);
  return Buffer.from([...out, Number(rest)]);
}

function writeMessage(fields) {
  return Buffer.concat(
    fields.flatMap((field) => {
      const tag = varint(BigInt(field.number * 8 + field.wire));
      if (field.wire === 0) return [tag, varint(field.value)];
      const bytes = bytesOf(field);
      return field.wire === 2 ? [tag, varint(BigInt(bytes.length)), bytes] : [tag, bytes];
    }),
  );
}
