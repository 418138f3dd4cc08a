// Signatures of operators in PyTorch's own notation (`add(Tensor self, Tensor other, *, Scalar alpha=1)`), parsed once.
// Return types are not written: what a handler yields says it. `number` stands for a Python int, float or bool, `t` for
// anything.
import { bug } from '../../../base/diagnostic.js';
import { bool, float, type Item, int, list, NONE, text } from '../lower/items.js';

export interface ParamType {
  readonly name: string;
  readonly list: boolean;
  readonly optional: boolean;
}

export interface SchemaParam {
  readonly name: string;
  readonly type: ParamType;
  readonly keywordOnly: boolean;
  /** Absent: the argument is required. */
  readonly fallback?: Item;
}

export interface Schema {
  /** Without namespace. */
  readonly name: string;
  readonly text: string;
  readonly params: readonly SchemaParam[];
  /** How many of them may be given by position. */
  readonly positional: number;
  readonly names: ReadonlySet<string>;
}

export function parseSchema(source: string): Schema {
  const match = /^(\w+)\((.*)\)$/.exec(source);
  if (match === null) throw bug('E1270', `'${source}' is no signature`);
  const [, name = '', inner = ''] = match;
  const params: SchemaParam[] = [];
  let keywordOnly = false;
  for (const part of splitParams(inner)) {
    if (part === '*') keywordOnly = true;
    else params.push(parseParam(part, keywordOnly, source));
  }
  const positional = params.filter((p) => !p.keywordOnly).length;
  return { name, text: source, params, positional, names: new Set(params.map((p) => p.name)) };
}

/** Parts between commas outside of brackets. */
function splitParams(inner: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let from = 0;
  for (let i = 0; i <= inner.length; i++) {
    const c = inner[i];
    if (c === '[') depth++;
    else if (c === ']') depth--;
    else if ((c === ',' && depth === 0) || c === undefined) {
      const part = inner.slice(from, i).trim();
      if (part !== '') parts.push(part);
      from = i + 1;
    }
  }
  return parts;
}

function parseParam(part: string, keywordOnly: boolean, source: string): SchemaParam {
  const match = /^(\w+)(\[\d*\])?(\?)?(\[\])?(\?)? (\w+)(?:=(.*))?$/.exec(part);
  if (match === null) throw bug('E1270', `'${part}' of '${source}' is no parameter`);
  const [, typeName = '', sized, inner, listOfOptional, outer, name = '', fallback] = match;
  // `Tensor?[]` is a list of optional tensors: its entries may be None, the list may not.
  const isList = sized !== undefined || listOfOptional !== undefined;
  const optional =
    listOfOptional === undefined ? inner !== undefined || outer !== undefined : outer !== undefined;
  const type: ParamType = { name: typeName, list: isList, optional };
  return {
    name,
    type,
    keywordOnly,
    ...(fallback !== undefined && { fallback: parseDefault(fallback, type) }),
  };
}

function parseDefault(source: string, type: ParamType): Item {
  if (source === 'None') return NONE;
  if (source === 'True' || source === 'False') return bool(source === 'True');
  if (source.startsWith('[')) {
    const items = source
      .slice(1, -1)
      .split(',')
      .filter((s) => s.trim() !== '');
    return list(items.map((item) => parseDefault(item.trim(), { ...type, list: false })));
  }
  if (source.startsWith('"')) return text(source.slice(1, -1));
  return /^-?\d+$/.test(source) && type.name !== 'float' ? int(BigInt(source)) : float(Number(source));
}
