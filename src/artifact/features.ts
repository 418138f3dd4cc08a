// What a reader of an artifact must know beyond the base format. A bit's number is its place in this list: append only.
// neff.json repeats the names, so that a reader that lacks one can say which.

import { stepsOf } from './host-program.js';
import type { ArtifactDraft } from './model.js';

export const FEATURES = ['host-loop', 'buckets', 'several-models', 'host-operators', 'pipeline'] as const;
export type Feature = (typeof FEATURES)[number];

type Content = Pick<ArtifactDraft, 'manifest' | 'host' | 'executables'>;

const USES: Readonly<Record<Feature, (content: Content) => boolean>> = {
  'host-loop': ({ host }) => usesStep(host, 'while'),
  buckets: ({ host }) => usesStep(host, 'pick'),
  'several-models': ({ manifest }) => manifest.models.length > 1,
  'host-operators': ({ manifest }) => manifest.hostOperators.length > 0,
  pipeline: ({ executables }) => executables.some((e) => e.core > 0),
};

function usesStep(host: Content['host'], op: 'while' | 'pick'): boolean {
  return Object.values(host).some((program) => [...stepsOf(program.steps)].some((step) => step.op === op));
}

/** The features that the content needs, in bit order. */
export function featuresOf(content: Content): Feature[] {
  return FEATURES.filter((feature) => USES[feature](content));
}

export function featureBits(features: readonly Feature[]): bigint {
  return features.reduce((bits, feature) => bits | (1n << BigInt(FEATURES.indexOf(feature))), 0n);
}
