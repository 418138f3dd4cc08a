// The limits of the ONNX reader. Each is checked before memory is taken for what it bounds, so that a hostile
// or damaged file costs no more time and memory than a valid file of its size.

export const LIMITS = {
  /** A protobuf message holds less than 2 GiB by its own definition; larger weights are external data. */
  modelBytes: 2 ** 31 - 1,
  /** Protobuf messages inside each other; three per nested graph. The C++ and Python libraries stop at 100 too. */
  depth: 100,
  /** Nodes of all graphs and functions of a model. */
  nodes: 200_000,
  /** Protobuf messages of any type in one file: nodes, attributes, tensors, types, dims. */
  records: 2_000_000,
  /** Elements of one list in the file (an attribute, the dims of a tensor, the inputs of a node). */
  listLength: 2 ** 23,
  /** Bytes of one string. */
  textBytes: 2 ** 26,
  /** Dims of one tensor. */
  rank: 64,
  /** Elements of one tensor. */
  elements: 2 ** 40,
} as const;

/** Newest version of the file format (ModelProto.ir_version) whose fields and element types are all known here. */
export const NEWEST_IR_VERSION = 14;
/** From this version on a model must say which operator sets it uses; before, version 1 of `ai.onnx` is meant. */
export const FIRST_IR_VERSION_WITH_OPSETS = 3;
