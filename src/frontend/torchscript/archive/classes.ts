// The closed list of classes that a TorchScript pickle may name, and what calling each yields.
// Nothing outside this list is ever looked up, and nothing of it runs code of the model.

import { badInput, type NeffcError, unsupported } from '../../../base/diagnostic.js';
import { type ClassRef, type Machine, malformed, placeOf, type StackValue } from './machine.js';
import { parameterFrom, tensorFromParts } from './tensor.js';
import { TORCH_SCALAR_TYPES, TORCH_SYMBOLS } from './torch-types.js';
import type { ListElement } from './value.js';

type Args = readonly StackValue[];
type Rule =
  /** May be called (REDUCE, NEWOBJ). */
  | { readonly kind: 'call'; readonly call: (m: Machine, args: Args) => StackValue }
  /** A bare enumerator; stands on the stack as a value. */
  | { readonly kind: 'symbol'; readonly name: string }
  /** May be named as an argument (a storage class, a tensor class, a dict factory), never called. */
  | { readonly kind: 'name' }
  /** Known, and not read. */
  | { readonly kind: 'refuse'; readonly why: string };

function badArgs(m: Machine, name: string): NeffcError {
  return badInput('E3325', `the arguments of ${name} in ${m.source.member} are not as expected`, placeOf(m));
}

function typedList(name: string, element: ListElement): [string, Rule] {
  return [
    name,
    {
      kind: 'call',
      call: (m, [list]) => {
        if (list?.kind !== 'list') throw badArgs(m, name);
        list.element = element;
        return list;
      },
    },
  ];
}

function restoreTypeTag(m: Machine, [value, tag]: Args): StackValue {
  if (tag?.kind !== 'string' || (value?.kind !== 'list' && value?.kind !== 'dict')) {
    throw badArgs(m, 'restore_type_tag');
  }
  value.typeTag = tag.value;
  return value;
}

function orderedDict(m: Machine, [items]: Args): StackValue {
  const entries = new Map();
  if (items === undefined) return { kind: 'dict', entries };
  if (items.kind !== 'list') throw badArgs(m, 'OrderedDict');
  for (const pair of items.items) {
    const [key, value] = pair.kind === 'list' || pair.kind === 'tuple' ? pair.items : [];
    if (key?.kind !== 'string' || value === undefined) throw badArgs(m, 'OrderedDict');
    entries.set(key.value, value);
  }
  return { kind: 'dict', entries };
}

function complex(m: Machine, [re, im]: Args): StackValue {
  if (re?.kind !== 'float' || im?.kind !== 'float') throw badArgs(m, 'complex');
  return { kind: 'complex', re: re.value, im: im.value };
}

/** `_codecs.encode(text, 'latin1')`: how protocol 2 of Python 3 writes bytes. */
function encodeLatin1(m: Machine, [text, codec]: Args): StackValue {
  if (text?.kind !== 'string' || codec?.kind !== 'string' || codec.value !== 'latin1') {
    throw badArgs(m, '_codecs.encode');
  }
  return { kind: 'bytes', value: Uint8Array.from(text.value, (c) => c.charCodeAt(0)) };
}

function device(m: Machine, args: Args): StackValue {
  const [type, index] = args;
  if (type?.kind !== 'string') throw badArgs(m, 'torch.device');
  const name = index?.kind === 'int' ? `${type.value}:${index.value}` : type.value;
  return { kind: 'device', name };
}

/** `(rebuild function, tensor class, its arguments, python state)`: a tensor that carried Python attributes. */
function rebuildFromType(m: Machine, [rebuild, , args]: Args): StackValue {
  if (
    rebuild?.kind !== 'class' ||
    args?.kind !== 'tuple' ||
    rebuild.name === 'torch._tensor._rebuild_from_type_v2'
  ) {
    throw badArgs(m, '_rebuild_from_type_v2');
  }
  return callClass(m, rebuild, args.items);
}

function calls(name: string, call: (m: Machine, args: Args) => StackValue): [string, Rule] {
  return [name, { kind: 'call', call }];
}
function names(name: string): [string, Rule] {
  return [name, { kind: 'name' }];
}
function refuses(name: string, why: string): [string, Rule] {
  return [name, { kind: 'refuse', why }];
}

const RULES: ReadonlyMap<string, Rule> = new Map<string, Rule>([
  calls('torch._utils._rebuild_tensor_v2', (m, args) => tensorFromParts(m, args, false)),
  calls('torch._utils._rebuild_qtensor', (m, args) => tensorFromParts(m, args, true)),
  calls('torch._utils._rebuild_parameter', parameterFrom),
  calls('torch._utils._rebuild_parameter_with_state', parameterFrom),
  calls('torch._tensor._rebuild_from_type_v2', rebuildFromType),
  typedList('torch.jit._pickle.build_intlist', 'int'),
  typedList('torch.jit._pickle.build_tensorlist', 'tensor'),
  typedList('torch.jit._pickle.build_doublelist', 'float'),
  typedList('torch.jit._pickle.build_boollist', 'bool'),
  calls('torch.jit._pickle.restore_type_tag', restoreTypeTag),
  calls('torch.device', device),
  calls('torch.Size', (_, [items]) => items ?? { kind: 'tuple', items: [] }),
  calls('collections.OrderedDict', orderedDict),
  calls('collections.defaultdict', () => ({ kind: 'dict', entries: new Map() })),
  calls('builtins.complex', complex),
  calls('__builtin__.complex', complex),
  calls('_codecs.encode', encodeLatin1),
  ...['builtins', '__builtin__'].flatMap((b) =>
    ['list', 'dict', 'int', 'float', 'str'].map((n) => names(`${b}.${n}`)),
  ),
  names('torch.Tensor'),
  names('torch.nn.parameter.Parameter'),
  ...TORCH_SCALAR_TYPES.map((t) => names(`torch.${t.name}Storage`)),
  ...[...TORCH_SCALAR_TYPES.map((t) => t.python), ...TORCH_SYMBOLS].map((n): [string, Rule] => [
    `torch.${n}`,
    { kind: 'symbol', name: `torch.${n}` },
  ]),
  refuses('torch._utils._rebuild_sparse_tensor', 'sparse tensors'),
  refuses('torch._utils._rebuild_sparse_csr_tensor', 'sparse tensors'),
  refuses('torch._utils._rebuild_nested_tensor', 'nested tensors'),
  refuses('torch._utils._rebuild_meta_tensor_no_storage', 'tensors without data'),
  refuses('torch._utils._rebuild_device_tensor_from_numpy', 'tensors of other devices'),
  refuses('torch.jit._pickle.build_tensor_from_id', 'tensors by table index'),
  refuses('torch.distributed.rpc.rref', 'remote references'),
]);

/**
 * The class `module.name` as a stack value.
 * @throws E3322 if it is on no list, E4302 if it is known and not read.
 */
export function namedClass(m: Machine, module: string, name: string): StackValue {
  const full = `${module}.${name}`;
  if (module === '__torch__' || module.startsWith('__torch__.')) return { kind: 'class', name: full };
  const rule = RULES.get(full);
  if (rule === undefined) {
    throw badInput(
      'E3322',
      `${m.source.member} names the class ${JSON.stringify(full.slice(0, 120))}, which TorchScript archives do not use`,
      placeOf(m),
      'nothing of it was run; if the file came from torch.save, export the model with torch.jit.save',
    );
  }
  if (rule.kind === 'refuse') {
    throw unsupported(
      'E4302',
      `${m.source.member} holds ${rule.why} (${full}), which are not read`,
      placeOf(m),
    );
  }
  return rule.kind === 'symbol' ? { kind: 'symbol', name: rule.name } : { kind: 'class', name: full };
}

/** What calling a class of the list yields. @throws E3325 on wrong arguments. */
export function callClass(m: Machine, ref: ClassRef, args: Args): StackValue {
  if (ref.name.startsWith('__torch__.')) {
    const [value] = args;
    if (args.length !== 1 || value === undefined) throw badArgs(m, ref.name);
    return { kind: 'enum', class: ref.name, value };
  }
  const rule = RULES.get(ref.name);
  if (rule?.kind !== 'call') throw malformed(m, `${ref.name} is called, which is only a name`);
  return rule.call(m, args);
}
