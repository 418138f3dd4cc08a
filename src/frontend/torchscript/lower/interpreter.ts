// The interpreter of one program: its parts joined into a machine.
import type { Diagnostic } from '../../../base/diagnostic.js';
import type { TorchArchive } from '../archive/read.js';
import { type ClassLayout, classLayout } from '../code/class-layout.js';
import { openLibrary } from '../code/library.js';
import { callFunction, callMethod } from './calls.js';
import { evaluateExpr } from './expressions.js';
import type { Lowering } from './lowering.js';
import { type Machine, malformedProgram } from './machine.js';
import { ModuleTree } from './module-tree.js';
import { callOperator } from './operators.js';
import { restoredAttributes } from './set-state.js';
import { assignTo, executeBlock } from './statements.js';

export function newMachine(archive: TorchArchive, c: Lowering): Machine {
  const library = openLibrary(archive.code, archive.file);
  const layouts = new Map<string, ClassLayout>();
  const problems: Diagnostic[] = [];
  const m: Machine = {
    archive,
    library,
    c,
    tree: new ModuleTree(c, (object, state) => restoredAttributes(m, object, state)),
    problems,
    loops: undefined,
    frames: [],
    statements: 0,
    layoutOf(name, at) {
      const known = layouts.get(name);
      if (known !== undefined) return known;
      const def = library.find(name);
      if (def?.kind !== 'class') throw malformedProgram(`the archive has no class ${name}`, at);
      const layout = classLayout(def);
      layouts.set(name, layout);
      return layout;
    },
    definition: (name) => library.find(name),
    evaluate: (frame, expr) => evaluateExpr(m, frame, expr),
    execute: (frame, body) => executeBlock(m, frame, body),
    assign: (frame, target, item) => assignTo(m, frame, target, item),
    call: (def, args, keywords, module) => callFunction(m, def, args, keywords, module),
    method: (self, name, args, at) => callMethod(m, self, name, args, at),
    operator: (name, args, keywords) => callOperator(m, name, args, keywords),
  };
  return m;
}
