// Graphs, nodes, attributes and functions: decoded messages to the records of model.ts. Checks what a single record
// can be wrong about (kinds of attributes, doubled names, domains not imported), not whether the graph makes sense.
// One file because the records contain each other: graph, node, attribute, graph.

import { badInput, type Place } from '../../../base/diagnostic.js';
import type {
  OnnxAttribute,
  OnnxAttributeKind,
  OnnxFunction,
  OnnxGraph,
  OnnxNode,
  OnnxTensor,
  OnnxType,
} from './model.js';
import { toDomain, toOpsets } from './opsets.js';
import type { Proto } from './schema.js';
import { type FileContext, toSparseTensor, toTensor } from './tensor.js';
import { toType, toValueInfo } from './types.js';

/** What holds for all nodes of a graph and the graphs inside it. */
export interface Scope {
  readonly context: FileContext;
  /** Domains of imported operator sets and of the model's own functions. */
  readonly domains: ReadonlySet<string>;
}

type AttributeProto = Proto<'AttributeProto'>;
/** The owner of an attribute, for messages. */
interface Owner {
  readonly what: string;
  readonly where: Place;
}
interface AttributeForm<K extends OnnxAttributeKind> {
  /** AttributeProto.AttributeType */
  readonly code: number;
  readonly field: Exclude<keyof AttributeProto, 'name' | 'type' | 'refAttrName'>;
  read(proto: AttributeProto, scope: Scope, owner: Owner): Extract<OnnxAttribute, { kind: K }>;
}

// A writer of proto3 leaves out 0 and '', so these are what a scalar without a value means.
const ATTRIBUTE_FORMS: { readonly [K in OnnxAttributeKind]: AttributeForm<K> } = {
  float: { code: 1, field: 'f', read: ({ f }) => ({ kind: 'float', value: f ?? 0 }) },
  int: {
    code: 2,
    field: 'i',
    read: ({ i = 0 }) => ({ kind: 'int', value: Number(i), exact: typeof i === 'bigint' ? i : undefined }),
  },
  string: { code: 3, field: 's', read: ({ s }) => ({ kind: 'string', value: s ?? '' }) },
  tensor: {
    code: 4,
    field: 't',
    read: ({ t }, scope, owner) => ({ kind: 'tensor', value: tensorOf(present(t, owner), scope, owner) }),
  },
  graph: {
    code: 5,
    field: 'g',
    read: ({ g }, scope, owner) => ({ kind: 'graph', value: toGraph(present(g, owner), scope) }),
  },
  floats: { code: 6, field: 'floats', read: ({ floats }) => ({ kind: 'floats', value: floats }) },
  ints: {
    code: 7,
    field: 'ints',
    read: ({ ints }) => ({
      kind: 'ints',
      value: ints.map(Number),
      exact: ints.some((value) => typeof value === 'bigint') ? ints.map(BigInt) : undefined,
    }),
  },
  strings: { code: 8, field: 'strings', read: ({ strings }) => ({ kind: 'strings', value: strings }) },
  tensors: {
    code: 9,
    field: 'tensors',
    read: ({ tensors }, scope, owner) => ({
      kind: 'tensors',
      value: tensors.map((tensor) => tensorOf(tensor, scope, owner)),
    }),
  },
  graphs: {
    code: 10,
    field: 'graphs',
    read: ({ graphs }, scope) => ({ kind: 'graphs', value: graphs.map((graph) => toGraph(graph, scope)) }),
  },
  sparse_tensor: {
    code: 11,
    field: 'sparseTensor',
    read: ({ sparseTensor }, { context }, owner) => ({
      kind: 'sparse_tensor',
      value: toSparseTensor(present(sparseTensor, owner), context, owner.what, owner.where),
    }),
  },
  sparse_tensors: {
    code: 12,
    field: 'sparseTensors',
    read: ({ sparseTensors }, { context }, owner) => ({
      kind: 'sparse_tensors',
      value: sparseTensors.map((tensor) => toSparseTensor(tensor, context, owner.what, owner.where)),
    }),
  },
  type_proto: {
    code: 13,
    field: 'tp',
    read: ({ tp }, _scope, owner) => ({ kind: 'type_proto', value: typeOf(present(tp, owner), owner) }),
  },
  type_protos: {
    code: 14,
    field: 'typeProtos',
    read: ({ typeProtos }, _scope, owner) => ({
      kind: 'type_protos',
      value: typeProtos.map((type) => typeOf(type, owner)),
    }),
  },
};
const ATTRIBUTE_KINDS = Object.keys(ATTRIBUTE_FORMS) as OnnxAttributeKind[];

/** @throws NeffcError E3006 to E3020, E4010 */
export function toGraph(proto: Proto<'GraphProto'>, scope: Scope): OnnxGraph {
  const { context } = scope;
  const { file } = context;
  const name = proto.name ?? '';
  const initializers = proto.initializer.map((tensor) =>
    toTensor(tensor, context, `initializer "${tensor.name ?? ''}"`, { file }),
  );
  const sparse = proto.sparseInitializer.map((tensor) =>
    toSparseTensor(tensor, context, `initializer "${tensor.values?.name ?? ''}"`, { file }),
  );
  return {
    name,
    nodes: proto.node.map((node) => toNode(node, scope)),
    initializers: byName(initializers, 'initializer', { file }),
    sparseInitializers: byName(sparse, 'initializer', { file }),
    inputs: proto.input.map((info) => toValueInfo(info, file)),
    outputs: proto.output.map((info) => toValueInfo(info, file)),
    valueInfo: proto.valueInfo.map((info) => toValueInfo(info, file)),
  };
}

/** @param modelDomains domains of the functions of the model, which functions may call too */
export function toFunction(
  proto: Proto<'FunctionProto'>,
  context: FileContext,
  modelDomains: Iterable<string>,
): OnnxFunction {
  const { file } = context;
  const name = proto.name ?? '';
  const domain = toDomain(proto.domain);
  const what = `function "${name}"`;
  const opsets = toOpsets(proto.opsetImport, what, { file });
  const scope: Scope = { context, domains: new Set([...opsets.keys(), ...modelDomains]) };
  const owner: Owner = { what, where: { file } };
  return {
    name,
    domain,
    overload: proto.overload ?? '',
    inputs: proto.input,
    outputs: proto.output,
    attributes: proto.attribute,
    attributeDefaults: toAttributes(proto.attributeProto, scope, owner),
    nodes: proto.node.map((node) => toNode(node, scope)),
    opsets,
    valueInfo: proto.valueInfo.map((info) => toValueInfo(info, file)),
  };
}

function toNode(proto: Proto<'NodeProto'>, scope: Scope): OnnxNode {
  const name = proto.name ?? '';
  const opType = proto.opType ?? '';
  const domain = toDomain(proto.domain);
  // A node without a name is called by its first output, which is unique in its graph.
  const label = name || `${opType} of ${proto.output[0] ?? 'nothing'}`;
  const where = { file: scope.context.file, node: label };
  if (opType === '') {
    throw badInput('E3020', `node "${label}" names no operator`, where, 'Export the model again.');
  }
  if (!scope.domains.has(domain)) {
    throw badInput(
      'E3009',
      `node "${label}" uses ${opType} of domain "${domain || 'ai.onnx'}", whose operator set is not imported`,
      where,
      'Add the domain to the opset_import of the model, with the version that it was exported for.',
    );
  }
  return {
    name,
    opType,
    domain,
    overload: proto.overload ?? '',
    inputs: proto.input,
    outputs: proto.output,
    attributes: toAttributes(proto.attribute, scope, { what: `node "${label}"`, where }),
  };
}

function toAttributes(
  protos: readonly AttributeProto[],
  scope: Scope,
  owner: Owner,
): ReadonlyMap<string, OnnxAttribute> {
  const attributes = new Map<string, OnnxAttribute>();
  for (const proto of protos) {
    const name = proto.name ?? '';
    const subject: Owner = { what: `attribute "${name}" of ${owner.what}`, where: owner.where };
    if (attributes.has(name)) throw doubled(subject.what, owner.where);
    attributes.set(name, toAttribute(proto, scope, subject));
  }
  return attributes;
}

function toAttribute(proto: AttributeProto, scope: Scope, owner: Owner): OnnxAttribute {
  const kind = attributeKind(proto, owner);
  if (proto.refAttrName) return { kind: 'ref', value: proto.refAttrName, of: kind };
  for (const other of ATTRIBUTE_KINDS) {
    if (other !== kind && isFilled(proto, other)) {
      throw wrongAttribute(`${owner.what} is of kind ${kind} and holds a value of kind ${other}`, owner);
    }
  }
  return ATTRIBUTE_FORMS[kind].read(proto, scope, owner);
}

/** The declared kind; the first writers declared none, and then the value that is there tells. */
function attributeKind(proto: AttributeProto, owner: Owner): OnnxAttributeKind {
  const undeclared = proto.type === undefined || proto.type === 0;
  const kind = ATTRIBUTE_KINDS.find((candidate) =>
    undeclared ? isFilled(proto, candidate) : ATTRIBUTE_FORMS[candidate].code === proto.type,
  );
  if (kind) return kind;
  const fact = undeclared ? 'declares no kind' : `is of kind ${proto.type}, which ONNX does not define`;
  throw wrongAttribute(`${owner.what} ${fact}`, owner);
}

function isFilled(proto: AttributeProto, kind: OnnxAttributeKind): boolean {
  const value = proto[ATTRIBUTE_FORMS[kind].field];
  return Array.isArray(value) ? value.length > 0 : value !== undefined;
}

function present<T>(value: T | undefined, owner: Owner): T {
  if (value === undefined) throw wrongAttribute(`${owner.what} has no value`, owner);
  return value;
}

function tensorOf(proto: Proto<'TensorProto'>, scope: Scope, owner: Owner): OnnxTensor {
  return toTensor(proto, scope.context, owner.what, owner.where);
}

function typeOf(proto: Proto<'TypeProto'>, owner: Owner): OnnxType {
  return present(toType(proto, owner.what, owner.where), owner);
}

function byName<T extends { readonly name: string }>(
  items: readonly T[],
  what: string,
  where: Place,
): ReadonlyMap<string, T> {
  const map = new Map<string, T>();
  for (const item of items) {
    if (item.name === '') {
      throw badInput('E3020', `an ${what} has no name`, where, 'Export the model again.');
    }
    if (map.has(item.name)) throw doubled(`${what} "${item.name}"`, where);
    map.set(item.name, item);
  }
  return map;
}

function doubled(what: string, where: Place) {
  return badInput('E3019', `${what} is there twice`, where, 'Export the model again.');
}

function wrongAttribute(message: string, owner: Owner) {
  return badInput('E3018', message, owner.where, 'Export the model again; `onnx.checker` reports the same.');
}
