// What a command has while it runs: the environment, progress lines, and what a reproducer would need. One session a command line.
import { sizeText } from '../report/text.js';
import type { Environment } from './environment.js';
import { type Style, styleFor } from './style.js';

/** Where the time of a command went. */
export interface StageTime {
  readonly name: string;
  readonly ms: number;
}

export class Session {
  readonly environment: Environment;
  readonly out: Style;
  readonly err: Style;
  readonly argv: readonly string[];
  /** Whether a JSON document was asked for. */
  readonly json: boolean;
  readonly start: number;
  private readonly finished: StageTime[] = [];
  private readonly kept = new Map<string, () => string>();
  private last: number;

  constructor(environment: Environment, argv: readonly string[]) {
    this.environment = environment;
    this.argv = argv;
    this.json = argv.includes('--json');
    this.out = styleFor(environment.terminal.colour.out);
    this.err = styleFor(environment.terminal.colour.err);
    this.start = environment.now();
    this.last = this.start;
  }

  /** A stage has ended: a line on a terminal, a row of the timing. */
  stage(name: string): void {
    const now = this.environment.now();
    const ms = now - this.last;
    this.last = now;
    this.finished.push({ name, ms });
    if (!this.environment.terminal.progress) return;
    const { dim } = this.err;
    const line = `  ${name.padEnd(12)} ${`${(ms / 1000).toFixed(2)} s`.padStart(9)}  ${sizeText(this.environment.memory()).padStart(10)}`;
    this.environment.err(`${dim(line)}\n`);
  }

  get stages(): readonly StageTime[] {
    return this.finished;
  }

  elapsedMs(): number {
    return this.environment.now() - this.start;
  }

  /** Keeps a text for the reproducer of a bug; made only then. The last one of a name counts. */
  keep(name: string, text: () => string): void {
    this.kept.set(name, text);
  }

  get attachments(): ReadonlyMap<string, () => string> {
    return this.kept;
  }
}
