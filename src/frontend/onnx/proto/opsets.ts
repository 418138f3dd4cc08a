// Operator-set imports of models and functions.

import { badInput, type Place } from '../../../base/diagnostic.js';
import type { Proto } from './schema.js';

/** The default operator-set domain has two names; '' is the one used from here on. */
export function toDomain(domain: string | undefined): string {
  return domain === undefined || domain === 'ai.onnx' ? '' : domain;
}

/** @throws NeffcError E3009 where a version is no version, or a domain is imported in two */
export function toOpsets(
  imports: readonly Proto<'OperatorSetIdProto'>[],
  what: string,
  where: Place,
): ReadonlyMap<string, number> {
  const opsets = new Map<string, number>();
  for (const { domain: written, version } of imports) {
    const domain = toDomain(written);
    const known = opsets.get(domain);
    if (typeof version !== 'number' || version < 1 || (known !== undefined && known !== version)) {
      const versions = known === undefined ? `${version}` : `${known} and ${version}`;
      throw badInput(
        'E3009',
        `${what} imports operator set "${domain || 'ai.onnx'}" in version ${versions}`,
        where,
        'Export the model again with one valid version per operator set.',
      );
    }
    opsets.set(domain, version);
  }
  return opsets;
}
