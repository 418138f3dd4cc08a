// A view of an artifact: one way to look at it, as text and as JSON. views.ts lists them all; the command line derives its options
// from that list. Views read the artifact alone, so they show what the file says, not what the compiler meant.
import type { Artifact } from '../../artifact/model.js';
import type { Target } from '../../chip/target.js';

export interface ViewOptions {
  /** Only what comes from this source node. */
  readonly node?: string;
  /** Only this executable or segment. */
  readonly part?: string;
  /** For the memory table. */
  readonly cores: number;
  readonly sharedWeights: boolean;
  readonly target: Target;
}

export interface View {
  readonly name: string;
  readonly doc: string;
  /** Lines, ended. */
  text(artifact: Artifact, options: ViewOptions): Iterable<string>;
  /** Properties of the JSON document. */
  json(artifact: Artifact, options: ViewOptions): { readonly [key: string]: unknown };
}
