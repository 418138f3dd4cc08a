// Tensors that a graph offers to the inputs of another, paired with them; where several pairings fit, the refusal lists them.
import type { Graph } from '../../ir/graph.js';
import { staticShape } from '../../ir/type.js';
import { fits, type Offer, type Pairing, pairUp, symbolsOfPorts } from './pairing.js';
import { pairingAmbiguous } from './refusals.js';
import type { Port, SourceModel } from './request.js';

export function offersOf(model: SourceModel, graph: Graph): readonly Offer[] {
  return model.outputs.flatMap((port, i) => {
    const value = graph.body.results[i];
    const shape = value === undefined ? undefined : staticShape(value.type);
    return value === undefined || shape === undefined
      ? []
      : [{ port, type: { dtype: value.type.dtype, shape } }];
  });
}

/** Pairs decoder inputs with offers: by declarations, then by sizes; E4204 where several pairings fit. */
export function pairWithOffers(
  needs: readonly Port[],
  offers: readonly Offer[],
  from: SourceModel,
  file: string,
): ReadonlyMap<Port, Offer> {
  const symbols = symbolsOfPorts(from.inputs);
  const found = new Map<Port, Offer>();
  for (const how of ['symbolic', 'sizes'] as const) {
    const taken = new Set(found.values());
    const left = needs.filter((need) => !found.has(need));
    const candidates = (need: Port) =>
      offers.filter((offer) => !taken.has(offer) && fits(offer, need, symbols, how));
    const pairing = pairUp<Port, Offer>(left, candidates, nameOf);
    refuseUndecided(pairing, nameOf, file, '--bind ENC_OUT=DEC_IN', (need, offer) => `${offer}=${need}`);
    for (const [need, offer] of pairing.pairs) found.set(need, offer);
  }
  return found;
}

export const nameOf = (side: Port | Offer): string => ('port' in side ? side.port.name : side.name);

export function refuseUndecided<N, O>(
  { undecided }: Pairing<N, O>,
  name: (side: N | O) => string,
  file: string,
  option: string,
  write: (need: string, offer: string) => string,
): void {
  const [first] = undecided;
  if (first === undefined) return;
  const all = [...undecided].flatMap(([need, offers]) =>
    offers.map((offer) => write(name(need), name(offer))),
  );
  throw pairingAmbiguous(
    `several pairings of tensors fit by type and shape, and names do not tell: ${all.join(', ')}`,
    { file },
    `Choose with ${option}.`,
  );
}
