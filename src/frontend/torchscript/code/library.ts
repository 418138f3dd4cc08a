// The source files of an archive as one namespace: `__torch__.a.b.C` is class `C` of `code/__torch__/a/b.py`.
// Files are parsed when first asked for, as the original importer does; each once.

import type { ClassDef, FunctionDef, SourceModule } from './ast.js';
import { parseSource } from './parser.js';

export interface SourceLibrary {
  /** The class or function of that qualified name, or undefined. @throws what `parseSource` throws. */
  find(qualifiedName: string): ClassDef | FunctionDef | undefined;
  /** The parsed file of a namespace such as `__torch__.torch.nn.modules.linear`, or undefined. */
  module(namespace: string): SourceModule | undefined;
}

/**
 * @param code source texts by member path (`code/__torch__/a/b.py`).
 * @param archive the archive's file name, put before the member path in every place.
 */
export function openLibrary(code: ReadonlyMap<string, string>, archive: string): SourceLibrary {
  const parsed = new Map<string, SourceModule>();
  const definitions = new Map<string, ReadonlyMap<string, ClassDef | FunctionDef>>();

  function module(namespace: string): SourceModule | undefined {
    const known = parsed.get(namespace);
    if (known) return known;
    const path = memberPath(namespace);
    const text = code.get(path);
    if (text === undefined) return undefined;
    const tree = parseSource(text, `${archive}:${path}`);
    parsed.set(namespace, tree);
    return tree;
  }

  function definitionsOf(namespace: string): ReadonlyMap<string, ClassDef | FunctionDef> {
    const known = definitions.get(namespace);
    if (known) return known;
    const body = module(namespace)?.body ?? [];
    const found = body.filter((s) => s.kind === 'class' || s.kind === 'function');
    const byName = new Map(found.map((s) => [s.name, s]));
    definitions.set(namespace, byName);
    return byName;
  }

  return {
    module,
    find(qualifiedName) {
      const dot = qualifiedName.lastIndexOf('.');
      return dot < 0
        ? undefined
        : definitionsOf(qualifiedName.slice(0, dot)).get(qualifiedName.slice(dot + 1));
    },
  };
}

/** `__torch__.a.b` to `code/__torch__/a/b.py`. */
export function memberPath(namespace: string): string {
  return `code/${namespace.replaceAll('.', '/')}.py`;
}
