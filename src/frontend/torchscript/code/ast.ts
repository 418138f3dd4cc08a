// The syntax tree of serialized TorchScript: a small Python without comprehensions, lambdas or decorators.
// Every node says where it starts. Parentheses leave no trace, except that `a, = x` and `a = x` differ.
// Types are separate from expressions; `typeFromExpr` (types.ts) reads one as the other.

/** Where a node starts. */
export interface SourcePoint {
  readonly file: string;
  /** 1-based. */
  readonly line: number;
  /** 1-based, in UTF-16 units. */
  readonly column: number;
  /** 0-based from the start of the file, in UTF-16 units: bytes too, since writers emit ASCII. */
  readonly offset: number;
}

interface Node {
  readonly at: SourcePoint;
}

/** `Tensor`, `Optional[int]`, `Dict[str, List[Tensor]]`, `__torch__.pkg.___torch_mangle_3.Cls`. */
export interface TypeExpr extends Node {
  /** Dotted name before the brackets. */
  readonly name: string;
  /** Absent without brackets; empty for `Tuple[()]`. */
  readonly args?: readonly TypeExpr[];
}

export const BINARY_OPS = ['+', '-', '*', '/', '//', '%', '@', '**', '|', '^', '&', '<<', '>>'] as const;
export type BinaryOp = (typeof BINARY_OPS)[number];
export type CompareOp = '<' | '>' | '<=' | '>=' | '==' | '!=' | 'in' | 'not in' | 'is' | 'is not';
export type UnaryOp = '-' | '+' | '~' | 'not';

export interface KeywordArg extends Node {
  readonly name: string;
  readonly value: Expr;
}

export interface Slice extends Node {
  readonly kind: 'slice';
  readonly start?: Expr;
  readonly stop?: Expr;
  readonly step?: Expr;
}

export type Expr =
  | (Node & { readonly kind: 'name'; readonly name: string })
  | (Node & { readonly kind: 'none' })
  | (Node & { readonly kind: 'bool'; readonly value: boolean })
  | (Node & { readonly kind: 'int'; readonly value: bigint })
  | (Node & { readonly kind: 'float'; readonly value: number })
  /** `2.5j`: the imaginary part. */
  | (Node & { readonly kind: 'imaginary'; readonly value: number })
  | (Node & { readonly kind: 'string'; readonly value: string })
  | (Node & { readonly kind: 'ellipsis' })
  | (Node & { readonly kind: 'attribute'; readonly object: Expr; readonly name: string })
  | (Node & {
      readonly kind: 'subscript';
      readonly object: Expr;
      readonly indices: readonly (Expr | Slice)[];
    })
  | (Node & {
      readonly kind: 'call';
      readonly callee: Expr;
      readonly args: readonly Expr[];
      readonly keywords: readonly KeywordArg[];
    })
  /** `*x`, in a call, a list or a tuple. */
  | (Node & { readonly kind: 'starred'; readonly value: Expr })
  | (Node & { readonly kind: 'list'; readonly items: readonly Expr[] })
  | (Node & { readonly kind: 'tuple'; readonly items: readonly Expr[] })
  | (Node & { readonly kind: 'dict'; readonly entries: readonly (readonly [Expr, Expr])[] })
  | (Node & { readonly kind: 'unary'; readonly op: UnaryOp; readonly operand: Expr })
  | (Node & { readonly kind: 'binary'; readonly op: BinaryOp; readonly left: Expr; readonly right: Expr })
  | (Node & { readonly kind: 'compare'; readonly op: CompareOp; readonly left: Expr; readonly right: Expr })
  | (Node & {
      readonly kind: 'logical';
      readonly op: 'and' | 'or';
      readonly left: Expr;
      readonly right: Expr;
    })
  | (Node & {
      readonly kind: 'conditional';
      readonly test: Expr;
      readonly whenTrue: Expr;
      readonly whenFalse: Expr;
    });

export interface Param extends Node {
  readonly name: string;
  readonly type?: TypeExpr;
  readonly default?: Expr;
}

export interface FunctionDef extends Node {
  readonly kind: 'function';
  readonly name: string;
  readonly params: readonly Param[];
  readonly returns?: TypeExpr;
  readonly body: readonly Stmt[];
}

export interface ClassDef extends Node {
  readonly kind: 'class';
  readonly name: string;
  /** `Module`, `NamedTuple`, `Enum`, `Interface`, `ModuleInterface`; absent for plain classes. */
  readonly base?: string;
  readonly body: readonly Stmt[];
}

/** `x = v`, `x : T`, `x : T = v`, `a, b = v`, `o.x = v`, `o[i] = v`. */
export interface Assign extends Node {
  readonly kind: 'assign';
  readonly target: Expr;
  readonly type?: TypeExpr;
  readonly value?: Expr;
}

export type Stmt =
  | Assign
  | FunctionDef
  | ClassDef
  | (Node & { readonly kind: 'expression'; readonly value: Expr })
  | (Node & {
      readonly kind: 'augmented';
      readonly target: Expr;
      readonly op: BinaryOp;
      readonly value: Expr;
    })
  | (Node & {
      readonly kind: 'if';
      readonly test: Expr;
      readonly body: readonly Stmt[];
      /** Empty without `else`; `elif` is an `if` in here. */
      readonly orElse: readonly Stmt[];
    })
  | (Node & { readonly kind: 'while'; readonly test: Expr; readonly body: readonly Stmt[] })
  | (Node & {
      readonly kind: 'for';
      readonly target: Expr;
      readonly iterable: Expr;
      readonly body: readonly Stmt[];
    })
  | (Node & {
      readonly kind: 'with';
      readonly context: Expr;
      readonly target?: Expr;
      readonly body: readonly Stmt[];
    })
  | (Node & { readonly kind: 'return'; readonly value?: Expr })
  | (Node & { readonly kind: 'raise'; readonly value?: Expr })
  | (Node & { readonly kind: 'assert'; readonly test: Expr; readonly message?: Expr })
  | (Node & { readonly kind: 'delete'; readonly target: Expr })
  | (Node & { readonly kind: 'import'; readonly module: string })
  | (Node & { readonly kind: 'pass' })
  | (Node & { readonly kind: 'break' })
  | (Node & { readonly kind: 'continue' });

/** One file of `code/`. */
export interface SourceModule {
  readonly file: string;
  readonly body: readonly Stmt[];
}
