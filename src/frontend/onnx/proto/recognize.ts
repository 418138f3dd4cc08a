// Tells by content whether bytes are an ONNX model, without decoding it: the fields of the outermost message are
// stepped over, which reads a few bytes per field whatever the size of the file. A model that is cut short or damaged
// further in is still a model, so that the decoder can say where the damage is.

import { NeffcError } from '../../../base/diagnostic.js';
import { openCursor, readInt, readVarint, skipValue, WIRE, type WireCursor } from './wire.js';

/** Wire types of the fields of ModelProto, all that ever were. */
const MODEL_FIELDS: Readonly<Record<number, number>> = {
  1: WIRE.varint,
  2: WIRE.length,
  3: WIRE.length,
  4: WIRE.length,
  5: WIRE.varint,
  6: WIRE.length,
  7: WIRE.length,
  8: WIRE.length,
  14: WIRE.length,
  20: WIRE.length,
  25: WIRE.length,
  26: WIRE.length,
};
const IR_VERSION_FIELD = 1;
const PRODUCER_FIELD = 2;
const GRAPH_FIELD = 7;
const OPSETS_FIELD = 8;
/** No format will ever have so many versions; a number beyond is the length of something else. */
const PLAUSIBLE_IR_VERSION = 1000;
/** A model has one to a few dozen outer fields, and hundreds if it carries functions. */
const FIELDS_LOOKED_AT = 1000;

/** True for ONNX models, whole or damaged. False for everything else, tensors in ONNX's own format included. */
export function looksLikeModel(bytes: Uint8Array): boolean {
  const cursor = openCursor(bytes, '');
  const seen = new Set<number>();
  try {
    for (let i = 0; i < FIELDS_LOOKED_AT && cursor.pos < cursor.end; i++) {
      const tag = readVarint(cursor, '');
      const number = tag >>> 3;
      const expected = MODEL_FIELDS[number];
      // Fields of versions to come are let pass once something familiar has been seen.
      if (expected === undefined ? seen.size === 0 : expected !== (tag & 7)) return false;
      if (number === IR_VERSION_FIELD && !isPlausibleVersion(cursor)) return false;
      if (number === PRODUCER_FIELD && !isName(cursor)) return false;
      if (number !== IR_VERSION_FIELD) skipValue(cursor, tag & 7, '');
      seen.add(number);
    }
  } catch (error) {
    if (!(error instanceof NeffcError)) throw error;
  }
  return seen.has(IR_VERSION_FIELD) || (seen.has(GRAPH_FIELD) && seen.has(OPSETS_FIELD));
}

function isPlausibleVersion(cursor: WireCursor): boolean {
  const version = readInt(cursor, '');
  return version >= 0 && version <= PLAUSIBLE_IR_VERSION;
}

/** TensorFlow and Core ML begin with a version too, and have a message where ONNX has the name of the producer. */
function isName(cursor: WireCursor): boolean {
  const start = cursor.pos;
  const length = readVarint(cursor, '');
  const first = cursor.bytes[cursor.pos];
  cursor.pos = start;
  return length === 0 || first === undefined || first >= 0x20;
}
