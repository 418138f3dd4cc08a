// A model that generates, from files to an artifact: which form it has, how its loop is built.

import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { badInput, usageError } from '../../base/diagnostic.js';
import { type RecogniseRequest, recognise } from '../decode/recognise.js';
import type { DecodeFlags, RecognisedDecode } from '../decode/request.js';
import {
  type BuiltDecode,
  type LoopOptions,
  type PreparedDecode,
  prepareDecode,
  type StepWishes,
} from './compile-decode.js';
import { type Histogram, parseHistogram, uniformHistogram } from './histogram.js';
import type { Objective } from './partitions.js';
import { buildVariant, type Variant, type VariantRequest } from './variants.js';

export interface DecodeRequest extends StepWishes {
  readonly files: RecogniseRequest;
  readonly flags: DecodeFlags;
  readonly variant: Variant | 'auto';
  readonly partitions?: VariantRequest['partitions'];
  /** JSON file with a histogram. */
  readonly lengths?: string;
  readonly objective: Objective;
  readonly residentState: boolean;
  readonly hostOverheadUs?: number;
}

export function compileDecode(request: DecodeRequest, options: LoopOptions): BuiltDecode {
  const prepared = prepare(request, options);
  return buildVariant(prepared, variantRequest(request, prepared), options);
}

export function prepare(request: DecodeRequest, options: LoopOptions): PreparedDecode {
  const name = nameOf(request.files);
  return bucketed(recogniseAll(request, options), (r) => prepareDecode(name, r, request, options));
}

interface RecognisedBucket {
  readonly bucket: string;
  readonly recognised: RecognisedDecode;
}

/** The model at the shapes of each bucket, ascending. */
function recogniseAll({ files, flags }: DecodeRequest, { buckets = [] }: LoopOptions): RecognisedBucket[] {
  if (buckets.length < 2) return [{ bucket: '', recognised: recognise(files, flags) }];
  const all = buckets.map(({ name, inputShapes }) => ({
    bucket: name,
    recognised: recognise(files, { ...flags, inputShapes }),
  }));
  requireSameSteps(all);
  return all;
}

/** Partitions end at the same steps in all buckets. */
function requireSameSteps(all: readonly RecognisedBucket[]): void {
  const steps = all.map(({ recognised }) => recognised.source.generation.maxSteps);
  if (steps.every((n) => n === steps[0])) return;
  const told = all.map(({ bucket }, i) => `${steps[i]} in ${bucket}`).join(', ');
  throw usageError(
    'E2049',
    `the buckets make different numbers of new tokens: ${told}`,
    {},
    'give --max-steps, which holds for all of them',
  );
}

function bucketed(
  all: readonly RecognisedBucket[],
  make: (recognised: RecognisedDecode) => PreparedDecode,
): PreparedDecode {
  const made = all.map(({ bucket, recognised }) => ({ ...make(recognised), bucket }));
  const largest = made.at(-1) as PreparedDecode;
  return { ...largest, smaller: made.slice(0, -1) };
}

export function variantRequest(request: DecodeRequest, prepared: PreparedDecode): VariantRequest {
  const { maxSteps } = prepared.generation;
  if (request.partitions !== undefined && request.variant !== 'partitioned' && request.variant !== 'auto') {
    throw usageError('E2045', `--partitions goes with --decode partitioned, not with ${request.variant}`);
  }
  return {
    variant: request.variant,
    partitions: request.partitions ?? 'auto',
    histogram:
      request.lengths === undefined ? uniformHistogram(maxSteps) : readHistogram(request.lengths, maxSteps),
    objective: request.objective,
    residentState: request.residentState,
    ...(request.hostOverheadUs !== undefined && { hostOverheadUs: request.hostOverheadUs }),
  };
}

function readHistogram(path: string, maxSteps: number): Histogram {
  try {
    return parseHistogram(JSON.parse(readFileSync(path, 'utf8')), maxSteps, path);
  } catch (e) {
    if (e instanceof SyntaxError)
      throw badInput('E3661', `the lengths are no JSON: ${e.message}`, { file: path });
    if ((e as { code?: string }).code !== undefined)
      throw badInput('E3041', `the file cannot be read (${(e as { code: string }).code})`, { file: path });
    throw e;
  }
}

function nameOf(files: RecogniseRequest): string {
  return basename('model' in files ? files.model : files.encoder).replace(/\.[^.]*$/, '');
}

/** Both ways of decoding that a model allows: with a derived cache (or its own), and by full recomputation. */
export function prepareBoth(request: DecodeRequest, options: LoopOptions): PreparedDecode[] {
  const all = recogniseAll(request, options);
  const name = nameOf(request.files);
  const cached = bucketed(all, (r) => prepareDecode(name, r, { ...request, incremental: 'auto' }, options));
  // A source that carries its own state is never recomputed; one whose cache is refused is there once already.
  if (cached.recognised.source.kind === 'carried' || !cached.incremental) return [cached];
  return [bucketed(all, (r) => prepareDecode(name, r, { ...request, incremental: 'off' }, options)), cached];
}
