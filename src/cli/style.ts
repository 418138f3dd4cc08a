// Colours of terminal text, where the stream shows them.
import { Chalk } from 'chalk';

export interface Style {
  readonly bold: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly red: (text: string) => string;
  readonly yellow: (text: string) => string;
  readonly green: (text: string) => string;
  readonly cyan: (text: string) => string;
}

export function styleFor(colour: boolean): Style {
  const { bold, dim, red, yellow, green, cyan } = new Chalk({ level: colour ? 1 : 0 });
  return { bold, dim, red, yellow, green, cyan };
}
