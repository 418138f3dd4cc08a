// Several views of an artifact at once, as `dump` and `compile --dump` print them.
import type { Artifact } from '../artifact/model.js';
import type { View, ViewOptions } from '../report/dump/view.js';
import type { JsonDocument } from './json.js';

/** One view is the document itself; several stand under their names. */
export function viewsDocument(
  artifact: Artifact,
  views: readonly View[],
  options: ViewOptions,
): JsonDocument {
  const [only, ...more] = views;
  if (only !== undefined && more.length === 0) return only.json(artifact, options);
  return Object.fromEntries(views.map((view) => [view.name, view.json(artifact, options)]));
}

export function* viewsText(
  artifact: Artifact,
  views: readonly View[],
  options: ViewOptions,
): Generator<string> {
  for (const [i, view] of views.entries()) {
    if (views.length > 1) yield `${i === 0 ? '' : '\n'}== ${view.name}\n`;
    yield* view.text(artifact, options);
  }
}
