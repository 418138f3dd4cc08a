// What an archive says of `forward` without interpreting it: its arguments, the example inputs that tracing kept, and whether
// its program chooses tokens in a loop. Reads source only; shapes and element types of scripted models are not in there.
import type { DType } from '../../base/dtype.js';
import type { TorchArchive } from './archive/read.js';
import type { PickleValue } from './archive/value.js';
import type { Expr, FunctionDef, Stmt, TypeExpr } from './code/ast.js';
import { classLayout } from './code/class-layout.js';
import { openLibrary } from './code/library.js';
import { parseSource } from './code/parser.js';

export interface Argument {
  readonly name: string;
  /** `Tensor` where nothing is declared. */
  readonly type: string;
  /** It may be left out. */
  readonly optional: boolean;
  /** Of a traced model: the input that it was traced with. */
  readonly example?: { readonly dtype: DType; readonly shape: readonly number[] };
}

/** The arguments of `forward`, in order; none where the model has no `forward`. @throws what parsing throws */
export function forwardArguments(archive: TorchArchive): readonly Argument[] {
  const found = openLibrary(archive.code, archive.file).find(archive.data.class);
  const forward: FunctionDef | undefined =
    found?.kind === 'class' ? classLayout(found).methods.get('forward') : undefined;
  const examples = forward === undefined ? [] : tracedItems(archive);
  return (forward?.params.slice(1) ?? []).map((param, i): Argument => {
    const item = examples[i];
    return {
      name: param.name,
      type: typeName(param.type),
      optional: param.default !== undefined || param.type?.name === 'Optional',
      ...(item?.kind === 'tensor' && { example: { dtype: item.dtype, shape: item.shape } }),
    };
  });
}

function typeName(type: TypeExpr | undefined): string {
  return type?.name === 'Optional' ? typeName(type.args?.[0]) : (type?.name ?? 'Tensor');
}

function tracedItems(archive: TorchArchive): readonly PickleValue[] {
  const traced = archive.tracedInputs();
  const args = traced?.kind === 'dict' ? traced.entries.get('forward') : undefined;
  return args?.kind === 'list' || args?.kind === 'tuple' ? args.items : [];
}

/** Calls that choose the best of several, by their least number of arguments: the maximum of a whole tensor chooses nothing. */
const CHOICES = new Map([
  ['argmax', 1],
  ['topk', 1],
  ['max', 2],
]);

/** Whether some function of the archive has a `while` loop. @throws what parsing throws */
export function hasWhile(archive: TorchArchive): boolean {
  return someLoop(archive, () => true);
}

/** Whether one has a `while` loop that chooses the best of several: the sign of a decoding loop. @throws what parsing throws */
export function choosesInLoop(archive: TorchArchive): boolean {
  return someLoop(archive, (body) => body.some(chooses));
}

type OfBody = (body: readonly Stmt[]) => boolean;

function someLoop(archive: TorchArchive, is: OfBody): boolean {
  return [...archive.code].some(
    ([path, text]) =>
      /\bwhile\b/.test(text) && parseSource(text, `${archive.file}:${path}`).body.some((s) => loops(s, is)),
  );
}

function loops(stmt: Stmt, is: OfBody): boolean {
  if (stmt.kind === 'while' && is(stmt.body)) return true;
  return bodies(stmt).some((s) => loops(s, is));
}

function chooses(stmt: Stmt): boolean {
  const own: readonly (Expr | undefined)[] =
    stmt.kind === 'assign' || stmt.kind === 'expression' || stmt.kind === 'augmented' ? [stmt.value] : [];
  return own.some(callsChoice) || bodies(stmt).some(chooses);
}

function bodies(stmt: Stmt): readonly Stmt[] {
  if (stmt.kind === 'if') return [...stmt.body, ...stmt.orElse];
  return 'body' in stmt ? stmt.body : [];
}

/** `torch.argmax(…)` anywhere in the expression. */
function callsChoice(e: Expr | undefined): boolean {
  if (e?.kind === 'call') {
    const least = e.callee.kind === 'attribute' ? CHOICES.get(e.callee.name) : undefined;
    if (least !== undefined && e.args.length + e.keywords.length >= least) return true;
    return e.args.some(callsChoice) || callsChoice(e.callee);
  }
  if (e?.kind === 'attribute' || e?.kind === 'subscript') return callsChoice(e.object);
  return (e?.kind === 'list' || e?.kind === 'tuple') && e.items.some(callsChoice);
}
