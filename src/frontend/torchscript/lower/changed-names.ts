// Which variables the body of a loop changes, from its text alone: those it assigns, and those whose memory it writes in place,
// also through views that it takes of them (`torch.copy_(torch.select(tokens, 1, i), next)`).
import type { Expr, Stmt } from '../code/ast.js';

/** Operators whose result shares the memory of their first argument. */
const VIEWS = new Set([
  'alias',
  'detach',
  'expand',
  'flatten',
  'narrow',
  'permute',
  'reshape',
  'select',
  'slice',
  'squeeze',
  't',
  'transpose',
  'unflatten',
  'unsqueeze',
  'view',
  'view_as',
]);

export function changedNames(body: readonly Stmt[]): ReadonlySet<string> {
  const changed = new Set<string>();
  /** What each variable was last seen to be a view of. */
  const views = new Map<string, string>();
  const assign = (target: Expr, value?: Expr): void => {
    if (target.kind === 'tuple' || target.kind === 'list') for (const x of target.items) assign(x);
    if (target.kind !== 'name') return;
    changed.add(target.name);
    const base = value && baseOf(value, views);
    if (base !== undefined && base !== target.name) views.set(target.name, base);
  };
  const write = (e: Expr | undefined): void => {
    if (e?.kind !== 'call') return;
    const [first] = e.args;
    if (e.callee.kind === 'attribute' && /[^_]_$/.test(e.callee.name) && first !== undefined) {
      const base = baseOf(first, views);
      if (base !== undefined) changed.add(base);
    }
    for (const x of e.args) write(x);
  };
  const visit = (stmts: readonly Stmt[]): void => {
    for (const s of stmts) {
      if (s.kind === 'assign' || s.kind === 'augmented') {
        write(s.value);
        assign(s.target, s.value);
      } else if (s.kind === 'expression') write(s.value);
      else if (s.kind === 'if') {
        visit(s.body);
        visit(s.orElse);
      } else if (s.kind === 'while' || s.kind === 'with') visit(s.body);
      else if (s.kind === 'for') {
        assign(s.target);
        visit(s.body);
      }
    }
  };
  visit(body);
  return changed;
}

/** The variable in whose memory the expression lies. */
function baseOf(e: Expr, views: ReadonlyMap<string, string>): string | undefined {
  if (e.kind === 'name') {
    const seen = new Set<string>();
    let { name } = e;
    for (let next = views.get(name); next !== undefined && !seen.has(next); next = views.get(name)) {
      seen.add(name);
      name = next;
    }
    return name;
  }
  if (e.kind !== 'call' || e.callee.kind !== 'attribute') return undefined;
  const writes = /[^_]_$/.test(e.callee.name);
  const [first] = e.args;
  return first !== undefined && (writes || VIEWS.has(e.callee.name)) ? baseOf(first, views) : undefined;
}
