// Inputs whose values were known when the model was compiled: the artifact keeps their hash, and a request that gives them has to
// give the same values, since shapes and results follow from them.
import { createHash } from 'node:crypto';
import type { InputPort } from '../artifact/signature.js';
import { badInput } from '../base/diagnostic.js';
import type { HostTensor } from '../base/tensor.js';

/** Hex SHA-256 of a tensor's type, shape and elements. */
export function tensorHash({ dtype, shape, data, strings = [] }: HostTensor): string {
  return createHash('sha256')
    .update(JSON.stringify([dtype, shape, strings]))
    .update(data)
    .digest('hex');
}

/** @throws E3546 where a fixed input has other values than the model was compiled for */
export function requireFixed({ name, fixed }: InputPort, given: HostTensor): void {
  if (fixed === undefined || tensorHash(given) === fixed) return;
  throw badInput(
    'E3546',
    `input ${name} has other values than the model was compiled for`,
    {},
    'leave it out, or compile the model with these values (--input-value)',
  );
}
