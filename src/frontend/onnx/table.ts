// Every operator that can be imported, by domain: the one list that the walk and `neffc ops` read.
import type { Handler, HandlerTable } from './context.js';
import { ATTENTION } from './handlers/attention.js';
import { CONSTANTS } from './handlers/constants.js';
import { CONTRIB, UNOFFICIAL } from './handlers/contrib.js';
import { CONTRIB_ATTENTION } from './handlers/contrib-attention.js';
import { CONTROL } from './handlers/control.js';
import { CONVOLUTION } from './handlers/convolution.js';
import { ELEMENTWISE } from './handlers/elementwise.js';
import { INDEXING } from './handlers/indexing.js';
import { LINEAR } from './handlers/linear.js';
import { LOSSES } from './handlers/losses.js';
import { NORMALIZATION } from './handlers/normalization.js';
import { PADDING } from './handlers/padding.js';
import { POOLING } from './handlers/pooling.js';
import { QUANTISED, QUANTISED_CONTRIB } from './handlers/quantised.js';
import { RECURRENT } from './handlers/recurrent.js';
import { REDUCE } from './handlers/reduce.js';
import { RESIZE } from './handlers/resize.js';
import { SAMPLING } from './handlers/sampling.js';
import { SCAN } from './handlers/scan.js';
import { SEQUENCES } from './handlers/sequences.js';
import { SHAPE } from './handlers/shape.js';
import { SIGNAL } from './handlers/signal.js';
import { SPECIAL } from './handlers/special.js';

const DOMAINS: ReadonlyMap<string, readonly HandlerTable[]> = new Map([
  [
    '',
    [
      ELEMENTWISE,
      CONSTANTS,
      SHAPE,
      PADDING,
      INDEXING,
      REDUCE,
      LINEAR,
      CONVOLUTION,
      POOLING,
      NORMALIZATION,
      CONTROL,
      SCAN,
      RESIZE,
      RECURRENT,
      QUANTISED,
      ATTENTION,
      LOSSES,
      SIGNAL,
      SAMPLING,
      SEQUENCES,
      SPECIAL,
      UNOFFICIAL,
    ],
  ],
  ['com.microsoft', [CONTRIB, CONTRIB_ATTENTION, QUANTISED_CONTRIB]],
]);

/** For each domain, its operators with the versions from which each importer holds. */
export const SUPPORTED: ReadonlyMap<string, ReadonlyMap<string, ReadonlyMap<number, Handler>>> = new Map(
  [...DOMAINS].map(([domain, tables]) => [
    domain,
    new Map(
      tables.flatMap((table) =>
        Object.entries(table).map(([op, versions]) => [
          op,
          typeof versions === 'function'
            ? new Map([[1, versions]])
            : new Map(Object.entries(versions).map(([since, handler]) => [Number(since), handler])),
        ]),
      ),
    ),
  ]),
);

export function isKnownDomain(domain: string): boolean {
  return SUPPORTED.has(domain);
}

/** The importer that holds for a version of the operator set; undefined where there is none. */
export function findHandler(domain: string, op: string, version: number): Handler | undefined {
  let found: Handler | undefined;
  let best = 0;
  for (const [since, handler] of SUPPORTED.get(domain)?.get(op) ?? []) {
    if (since > version || since < best) continue;
    found = handler;
    best = since;
  }
  return found;
}
