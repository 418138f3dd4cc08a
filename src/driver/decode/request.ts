// What recognition is asked and what it answers. A request holds models that are already read; the answer is the one
// structure that variants are built from (passes/decode/model.ts), with the tensors a user sees around it.
import type { Diagnostic } from '../../base/diagnostic.js';
import type { DType } from '../../base/dtype.js';
import type { HostTensor } from '../../base/tensor.js';
import type { Graph } from '../../ir/graph.js';
import type { DecodeSource } from '../../passes/decode/model.js';

/** A dim as a model declares it: a number, a symbol or an expression over symbols, or nothing. */
export type DeclaredDim = number | string | undefined;

/** An input or output of a model as its file declares it. */
export interface Port {
  readonly name: string;
  readonly dtype: DType | undefined;
  /** Undefined where not even the rank is declared. */
  readonly dims: readonly DeclaredDim[] | undefined;
}

export interface ShapedType {
  readonly dtype: DType;
  readonly shape: readonly number[];
}

/** Shapes of inputs by name or 0-based position. */
export type ShapesByName = ReadonlyMap<string, { readonly shape: readonly number[]; readonly dtype?: DType }>;

/** A model that gives its graph at any shapes of its inputs. */
export interface SourceModel {
  /** The file as the user named it. */
  readonly file: string;
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  /**
   * The graph at these input types. Inputs with a value in `values` are constants in it (and stay parameters that nothing
   * reads). Throws what the importer throws.
   */
  graphAt(types: ReadonlyMap<string, ShapedType>, values: ReadonlyMap<string, HostTensor>): Graph;
  /** Of a file that declares no types: the model with the ports that it has where these tensors are at hand. */
  typed?(hints: TypeHints): SourceModel;
}

/** What is known before a model's inputs are. */
export interface TypeHints extends Pick<DecodeFlags, 'bind' | 'tokensInput' | 'batch'> {
  readonly given: ShapesByName;
  /** Tensors that may go into it. */
  readonly offers: readonly ({ readonly name: string } & ShapedType)[];
}

/** The model with ports of known types, where that can be had. */
export function withTypes(
  model: SourceModel,
  flags: DecodeFlags,
  given: ShapesByName,
  offers: TypeHints['offers'],
): SourceModel {
  return model.typed?.({ ...flags, given, offers }) ?? model;
}

/** What the command line says about generation; each overrides what the source says of itself. */
export interface GenerationFlags {
  readonly bos?: number;
  readonly eos?: number;
  readonly pad?: number;
  readonly maxSteps?: number;
  readonly batch?: number;
}

export interface DecodeFlags extends GenerationFlags {
  readonly inputShapes: ShapesByName;
  readonly tokensInput?: string;
  /** `ENC_OUT=DEC_IN`, or `NAME=ones`, `NAME=count`. */
  readonly bind: readonly (readonly [from: string, to: string])[];
  /** `DEC_IN=DEC_OUT`. */
  readonly state: readonly (readonly [input: string, output: string])[];
}

/** An input of the artifact. */
export interface DecodeInput extends ShapedType {
  readonly name: string;
  /** The value of every element where a request leaves the input out. */
  readonly fill?: number;
  /** The graphs were made for this fill: another value cannot be honoured and has to be refused when a request gives it. */
  readonly mustBeFill?: boolean;
}

/**
 * How an output of the artifact follows from the rows of new tokens. `rows` are [N, steps that ran] of chosen tokens,
 * finished rows filled with `Generation.pad`.
 */
export type OutputRule =
  | {
      readonly kind: 'tokens';
      readonly name: string;
      readonly dtype: DType;
      /** Whether the start token stands before the new ones. */
      readonly withStart: boolean;
      /** `steps`: as many columns as steps ran (and the start's); a number: so many columns, those no step wrote hold `unused`. */
      readonly columns: 'steps' | number;
      readonly unused: number;
      /** `rows` [N, T], `columns` [T, N], `flat` [T] of the only row. */
      readonly layout: 'rows' | 'columns' | 'flat';
    }
  | {
      readonly kind: 'length';
      readonly name: string;
      readonly dtype: DType;
      /** Added to the tokens of a row up to and with its end (all where it has none): 1 counts the start token. */
      readonly offset: number;
      /** Whether the end token counts. */
      readonly countsEnd: boolean;
      /** Tokens of this id do not count. */
      readonly except: number | undefined;
      /** `rows` [N], `column` [N, 1], `scalar` [] of the only row. */
      readonly layout: 'rows' | 'column' | 'scalar';
    }
  | {
      /** Steps that ran, plus `offset`. */
      readonly kind: 'steps';
      readonly name: string;
      readonly dtype: DType;
      readonly offset: number;
      readonly shape: readonly number[];
    }
  | {
      /** Whether a row has its end token, as bool or integer. */
      readonly kind: 'ended';
      readonly name: string;
      readonly dtype: DType;
      readonly shape: readonly number[];
    }
  /** A result of the prologue as it is. */
  | { readonly kind: 'prologue'; readonly name: string; readonly result: number };

export interface RecognisedDecode {
  readonly source: DecodeSource;
  /** In the source's order: the parameters of the prologue. */
  readonly inputs: readonly DecodeInput[];
  readonly outputs: readonly OutputRule[];
  /** How the source was read, one sentence each, for the report. */
  readonly notes: readonly string[];
  /** Warnings. */
  readonly diagnostics: readonly Diagnostic[];
}

/** The outputs of an artifact whose source holds no loop of its own. */
export function standardOutputs(pad: number): readonly OutputRule[] {
  return [
    {
      kind: 'tokens',
      name: 'tokens',
      dtype: 'i64',
      withStart: false,
      columns: 'steps',
      unused: pad,
      layout: 'rows',
    },
    {
      kind: 'length',
      name: 'length',
      dtype: 'i64',
      offset: 0,
      countsEnd: true,
      except: undefined,
      layout: 'rows',
    },
  ];
}
