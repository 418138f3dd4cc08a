// Every operator that can be imported, by domain: the one list that the walk and `neffc ops` read.
import type { Handler, HandlerTable } from './context.js';
import { ELEMENTWISE } from './handlers/elementwise.js';

const DOMAINS: ReadonlyMap<string, readonly HandlerTable[]> = new Map([
  ['', [ELEMENTWISE]],
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
