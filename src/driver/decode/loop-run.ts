// What a decoding loop does with the tokens that it chooses, found by running its bookkeeping: which tokens end a row, what
// finished rows are filled with, when the loop ends, and what each integer is that it carries.
import type { HostTensor } from '../../base/tensor.js';
import { constantOf } from '../../ir/graph.js';
import { constantTensor } from '../../ops/evaluate.js';
import { buildable, possible } from './build-source.js';
import {
  type Columns,
  type Decoded,
  type Logged,
  type Meaning,
  meaningOf,
  tensorOfMeaning,
  tokenIn,
} from './loop-leaves.js';
import type { LoopSite } from './loop-site.js';
import {
  isBookkept,
  type LoopState,
  runBookkeeping,
  type StepParts,
  specialNumbers,
  takeApart,
} from './loop-step.js';
import { generationUnknown, loopNotUnderstood } from './refusals.js';

export interface LoopBehaviour {
  readonly batch: number;
  readonly vocabulary: number;
  readonly eos: readonly number[];
  /** What finished rows get; undefined where they go on. */
  readonly pad: number | undefined;
  /** The integers that have a meaning. */
  readonly meanings: ReadonlyMap<string, Meaning>;
  /** Where the tokens stand that were chosen. */
  readonly record: Columns;
  /** Iterations where no row ends. */
  readonly maxSteps: number;
  /** Whether the loop ends when all rows have ended. */
  readonly stopsEarly: boolean;
  /** Parts of iteration t. */
  parts(t: number): StepParts;
  /** A token that is none of the special ones. */
  readonly plain: number;
}

/** Up to this many tokens of the vocabulary are all tried as end token; of larger ones those that the loop names. */
const TRY_ALL = 4096;
/** Iterations run to see what is what. */
const RUN = 5;
/** Most iterations of a loop that only its condition ends. */
const MOST_TRIPS = 65536;

/** @throws E4203 (no limit of iterations), E4206 */
export function observeLoop(site: LoopSite, batch: number, stepLimit: number | undefined): LoopBehaviour {
  const made = new Map<number, StepParts>();
  const parts = (t: number): StepParts => {
    const known = made.get(t) ?? takeApart(site.step(t), site.file);
    made.set(t, known);
    return known;
  };
  const first = parts(0);
  const { vocabulary } = first;
  const start = startState(site, first);
  const special = specialNumbers(first.control, vocabulary);
  const candidates = vocabulary <= TRY_ALL ? Array.from({ length: vocabulary }, (_, v) => v) : [...special];
  const all = (token: number) => new Array<number>(batch).fill(token);
  const stopping =
    first.step.again === 'computed'
      ? candidates.filter((v) => !runBookkeeping(first, start, all(v)).goesOn)
      : [];
  if (stopping.length === vocabulary)
    throw loopNotUnderstood('the loop ends after one token, whatever it is', { file: site.file });
  const plain = Array.from(
    { length: Math.min(vocabulary, 4 * RUN + special.size + stopping.length) },
    (_, v) => v,
  ).filter((v) => !special.has(v) && !stopping.includes(v));
  if (plain.length < 2)
    throw loopNotUnderstood(`a vocabulary of ${vocabulary} tokens is too small to tell them apart`, {
      file: site.file,
    });
  const pick = (t: number, row: number): number => plain[(t * 3 + row) % plain.length] ?? 0;
  const limit = Math.min(RUN, site.maxTrips ?? RUN);
  const generic = run(
    parts,
    start,
    limit,
    batch,
    (t) => Array.from({ length: batch }, (_, n) => pick(t, n)),
    () => false,
    undefined,
  );
  const record = recordOf(generic, site.file);
  /** What the first row gets in the second iteration, where it would choose a plain token, after choosing v in the first. */
  const masked = (v: number): number | undefined => {
    const one = runBookkeeping(parts(0), start, all(v)).state;
    const two = runBookkeeping(parts(1), one, all(pick(1, 0))).state.get(record.name);
    return two && tokenIn(record.columns, two, 1, 0);
  };
  const eos =
    stopping.length > 0 ? stopping : candidates.filter((v) => limit > 1 && masked(v) !== pick(1, 0));
  const filled = eos[0] === undefined || limit < 2 ? undefined : masked(eos[0]);
  const pad = filled === pick(1, 0) ? undefined : filled;
  if (batch > 1 && pad === undefined && eos.length > 0) {
    throw loopNotUnderstood(
      'rows that have ended go on getting tokens while others are not done',
      { file: site.file },
      'Mask them in the model (torch.where(done, pad, next)), or decode one row at a time.',
    );
  }
  const isEnd = (token: number) => eos.includes(token);
  const logs = [...generic];
  if (eos[0] !== undefined) {
    for (const ends of endings(batch, limit)) {
      const choose = (t: number) =>
        Array.from({ length: batch }, (_, n) => (t === ends[n] ? (eos[n % eos.length] ?? 0) : pick(t, n)));
      logs.push(...run(parts, start, limit, batch, choose, isEnd, pad));
    }
  }
  const names = new Set([...first.next].filter(([, v]) => isBookkept(v)).map(([name]) => name));
  const meanings = new Map<string, Meaning>();
  for (const name of names) {
    const meaning = meaningOf(name, logs);
    if (meaning !== undefined) meanings.set(name, meaning);
  }
  const unclear = [...first.bookkept.keys()].filter((name) => !meanings.has(name));
  const columns = meanings.get(record.name);
  if (unclear.length > 0 || columns?.kind !== 'columns') {
    throw loopNotUnderstood(
      `what '${unclear[0] ?? record.name}' is, which the loop carries, is not known`,
      { file: site.file },
      'Known are tokens so far, the last token, flags of rows that have ended, lengths and counters.',
    );
  }
  const plainToken = pick(0, 0);
  const maxSteps = lastStep(site, parts, meanings, batch, plainToken, stepLimit);
  return {
    batch,
    vocabulary,
    eos,
    pad,
    meanings,
    record: columns,
    maxSteps,
    stopsEarly: stopping.length > 0,
    parts,
    plain: plainToken,
  };
}

/** The integers at the head of the loop, which have to be known. */
function startState({ prologue, file }: LoopSite, first: StepParts): LoopState {
  const state = new Map<string, HostTensor>();
  const changing = new Set([...first.bookkept.keys(), ...first.next.keys()]);
  for (const [i, name] of prologue.outputs.entries()) {
    const value = prologue.graph.body.results[i];
    if (value === undefined || !isBookkept(value) || !changing.has(name)) continue;
    const constant = constantOf(value);
    if (constant === undefined) {
      throw loopNotUnderstood(
        `'${name}', which the loop carries, starts from the model's inputs`,
        { file },
        'Tokens, flags and counters have to start from constants.',
      );
    }
    state.set(name, constantTensor(constant));
  }
  return state;
}

/** Runs iterations and writes down the state at the head of each, and after the last one. */
function run(
  parts: (t: number) => StepParts,
  start: LoopState,
  limit: number,
  batch: number,
  choose: (t: number) => readonly number[],
  isEnd: (token: number) => boolean,
  pad: number | undefined,
): readonly Logged[] {
  let state = start;
  let decoded = nothing(batch);
  const log: Logged[] = [{ decoded, state }];
  for (let t = 0; t < limit; t++) {
    if (decoded.ended.every((ended) => ended) && t > 0) break;
    const tokens = choose(t);
    const result = runBookkeeping(parts(t), state, tokens);
    decoded = decodedAfter(decoded, tokens, isEnd, pad);
    state = result.state;
    log.push({ decoded, state });
  }
  return log;
}

export function nothing(batch: number): Decoded {
  return {
    count: 0,
    steps: [],
    lengths: new Array<number>(batch).fill(0),
    ended: new Array<boolean>(batch).fill(false),
  };
}

/** One more token a row; rows that have ended get the pad token, where there is one. */
export function decodedAfter(
  d: Decoded,
  tokens: readonly number[],
  isEnd: (token: number) => boolean,
  pad: number | undefined,
): Decoded {
  const row = tokens.map((token, n) => (d.ended[n] && pad !== undefined ? pad : token));
  return {
    count: d.count + 1,
    steps: [...d.steps, row],
    lengths: d.lengths.map((length, n) => (d.ended[n] ? length : length + 1)),
    ended: d.ended.map((ended, n) => ended || isEnd(row[n] ?? -1)),
  };
}

/** Iterations at which the rows end: all at once, one after the other, and never but for one. */
function endings(batch: number, limit: number): readonly (readonly number[])[] {
  const rows = Array.from({ length: batch }, (_, n) => n);
  return [
    rows.map(() => 0),
    rows.map((n) => n % limit),
    rows.map((n) => (n + 1) % limit),
    rows.map((n) => (n === 0 ? limit - 1 : limit)),
  ];
}

interface RecordLeaf {
  readonly name: string;
  readonly columns: Columns;
}

/** The leaf that holds the tokens chosen. */
function recordOf(log: readonly Logged[], file: string): RecordLeaf {
  for (const name of log.at(-1)?.state.keys() ?? []) {
    const columns = meaningOf(name, log);
    if (columns?.kind === 'columns') return { name, columns };
  }
  throw loopNotUnderstood(
    'the loop keeps the tokens that it chooses nowhere',
    { file },
    'A buffer that grows by one token an iteration is known, or one of fixed length that is written at the iteration.',
  );
}

/** Iterations of a decoding in which no row ends. */
function lastStep(
  site: LoopSite,
  parts: (t: number) => StepParts,
  meanings: ReadonlyMap<string, Meaning>,
  batch: number,
  token: number,
  stepLimit: number | undefined,
): number {
  const goesOn = (t: number): boolean => {
    if (site.maxTrips !== undefined && t + 1 >= site.maxTrips) return false;
    if (buildable(() => site.step(t).graph) === undefined) return false;
    const step = parts(t);
    if (step.step.again !== 'computed') return step.step.again;
    const plain = stateAt(meanings, plainDecoding(batch, t, token));
    // A buffer of fixed length may end before.
    return possible(() => runBookkeeping(step, plain, new Array<number>(batch).fill(token)))?.goesOn === true;
  };
  if (
    site.maxTrips !== undefined &&
    site.maxTrips > 1 &&
    site.maxTrips <= MOST_TRIPS &&
    goesOn(site.maxTrips - 2)
  )
    return atMost(site.maxTrips, stepLimit);
  let least = 0;
  let most = 1;
  while (goesOn(most - 1)) {
    least = most;
    most *= 2;
    if (stepLimit !== undefined && least >= stepLimit) return stepLimit;
    if (most > MOST_TRIPS)
      throw generationUnknown(
        'nothing but an end token ends the loop',
        { file: site.file },
        'Give the largest number of new tokens with --max-steps N.',
      );
  }
  while (most - least > 1) {
    const middle = Math.floor((least + most) / 2);
    if (goesOn(middle - 1)) least = middle;
    else most = middle;
  }
  return atMost(most, stepLimit);
}

const atMost = (steps: number, limit: number | undefined): number => Math.min(steps, limit ?? steps);

export function plainDecoding(batch: number, count: number, token: number): Decoded {
  return {
    count,
    steps: Array.from({ length: count }, () => new Array<number>(batch).fill(token)),
    lengths: new Array<number>(batch).fill(count),
    ended: new Array<boolean>(batch).fill(false),
  };
}

/** The integers that the loop carries after a decoding; those without a meaning are left out. */
export function stateAt(meanings: ReadonlyMap<string, Meaning>, decoded: Decoded): LoopState {
  return new Map([...meanings].map(([name, meaning]) => [name, tensorOfMeaning(meaning, decoded)] as const));
}
