// The runner of passes: order, levels, facts, and everything that helps to find a wrong pass. It prints nothing and knows no
// clock: text, times and what is needed to reproduce a crash are handed to the caller as data.
import { bug, NeffcError, usageError } from '../base/diagnostic.js';
import type { Constant } from '../ir/constant.js';
import { contentHash } from '../ir/constant-text.js';
import { constantOf, type Graph, type Region } from '../ir/graph.js';
import { printGraph } from '../ir/print.js';
import { constantBytes } from '../ops/evaluate.js';
import { checkGraph } from '../ops/verify.js';
import { FACTS, type Fact } from './facts.js';
import { nodeCount } from './match.js';
import { isGroup, type Pass, type PassContext, type PassGroup, type PipelineEntry } from './pass.js';

export interface RunOptions extends Omit<PassContext, 'rewrite'> {
  /** Names of passes, or `all`: their input or output goes to `onText`. */
  readonly printBefore?: readonly string[];
  readonly printAfter?: readonly string[];
  /** The last pass to run (its group ends with it). */
  readonly stopAfter?: string;
  readonly disable?: readonly string[];
  /** Rewrites that passes above level 0 may make altogether. */
  readonly limit?: number;
  /** Checks graph and facts after every pass. */
  readonly verifyEach?: boolean;
  readonly onText?: (title: string, text: string) => void;
  /** Milliseconds since any moment; absent: times are 0. */
  readonly clock?: () => number;
  readonly onCrash?: (reproducer: Reproducer) => void;
}

/** One pass that ran. */
export interface PassRun {
  readonly name: string;
  readonly rewrites: number;
  readonly nodes: number;
  readonly milliseconds: number;
}

export interface RunResult {
  readonly graph: Graph;
  readonly runs: readonly PassRun[];
  readonly rewrites: number;
}

/** What it takes to run a failed pass again. */
export interface Reproducer {
  readonly pass: string;
  /** Its input; constants that the text names by hash are in `constants`. */
  readonly text: string;
  readonly constants: ReadonlyMap<string, Constant>;
  /** Arguments of `neffc` that run it on the text in file `graph.txt`. */
  readonly command: readonly string[];
  readonly message: string;
}

/** All passes of a pipeline, in order. */
export function passesOf(pipeline: readonly PipelineEntry[]): readonly Pass[] {
  const all = pipeline.flatMap((entry) => (isGroup(entry) ? entry.passes : [entry]));
  return [...new Set(all)];
}

/**
 * Runs the passes of the pipeline that the level turns on. E2601 for a name that is no pass, E2602 where a fact that a pass
 * needs does not hold; E1280 where a pass fails, E1281 where a fact is broken.
 */
export function runPipeline(
  graph: Graph,
  pipeline: readonly PipelineEntry[],
  options: RunOptions,
): RunResult {
  checkNames(pipeline, options);
  const runner = new Runner(graph, options);
  for (const entry of pipeline) {
    if (isGroup(entry)) runner.group(entry);
    else runner.one(entry);
    if (runner.stopped) break;
  }
  return { graph: runner.graph, runs: runner.runs, rewrites: runner.rewrites };
}

function checkNames(pipeline: readonly PipelineEntry[], options: RunOptions): void {
  const known = new Set(passesOf(pipeline).map((p) => p.name));
  const stop = options.stopAfter === undefined ? [] : [options.stopAfter];
  const printed = [...(options.printBefore ?? []), ...(options.printAfter ?? [])].filter((n) => n !== 'all');
  for (const name of [...printed, ...(options.disable ?? []), ...stop])
    if (!known.has(name))
      throw usageError('E2601', `there is no pass '${name}'`, {}, `the passes are ${[...known].join(', ')}`);
}

class Runner {
  graph: Graph;
  readonly runs: PassRun[] = [];
  rewrites = 0;
  stopped = false;
  private readonly options: RunOptions;
  /** The graph in which a pass last found nothing to do: it need not look at it again. */
  private readonly settled = new Map<Pass, Graph>();
  /** Facts that hold. */
  private readonly facts = new Set<Fact>();

  constructor(graph: Graph, options: RunOptions) {
    this.graph = graph;
    this.options = options;
  }

  group(group: PassGroup): void {
    for (let round = 0; round < group.rounds; round++) {
      const before = this.graph;
      for (const pass of group.passes) {
        this.one(pass);
        if (this.stopped) return;
      }
      if (this.graph === before) break;
    }
    const complete = group.passes.every((pass) => this.isOn(pass));
    for (const fact of group.gives ?? []) {
      if (this.options.verifyEach && complete) this.demand(fact, `group ${group.name}`);
      if (complete) this.facts.add(fact);
    }
  }

  one(pass: Pass): void {
    if (this.isOn(pass) && this.settled.get(pass) !== this.graph) {
      for (const fact of pass.needs ?? []) this.need(fact, pass);
      this.run(pass);
    }
    if (pass.name === this.options.stopAfter) this.stopped = true;
  }

  private isOn(pass: Pass): boolean {
    return this.options.level >= pass.level && this.options.disable?.includes(pass.name) !== true;
  }

  private run(pass: Pass): void {
    const { options } = this;
    this.print(options.printBefore, 'before', pass);
    const before = this.graph;
    const rewritesBefore = this.rewrites;
    const start = options.clock?.() ?? 0;
    this.graph = this.guarded(pass, before);
    if (this.graph === before) this.settled.set(pass, before);
    const milliseconds = (options.clock?.() ?? 0) - start;
    const rewrites = this.rewrites - rewritesBefore;
    this.runs.push({ name: pass.name, rewrites, nodes: nodeCount(this.graph.body), milliseconds });
    for (const fact of pass.breaks ?? []) this.facts.delete(fact);
    this.print(options.printAfter, 'after', pass);
  }

  /** The pass's result, checked where that is asked for; a crash is reported with what reproduces it. */
  private guarded(pass: Pass, before: Graph): Graph {
    try {
      const after = pass.run(before, this.context(pass));
      if (this.options.verifyEach) this.verify(pass, after);
      return after;
    } catch (e) {
      const message = e instanceof Error ? e.message : String(e);
      this.options.onCrash?.(reproducer(pass, before, this.options, message));
      if (e instanceof NeffcError) throw e;
      throw bug('E1280', `pass ${pass.name} failed: ${message}`);
    }
  }

  private verify(pass: Pass, after: Graph): void {
    checkGraph(after, `pass ${pass.name}`);
    for (const fact of this.facts)
      if (pass.breaks?.includes(fact) !== true) this.demand(fact, `pass ${pass.name}`, after);
  }

  private demand(fact: Fact, after: string, graph = this.graph): void {
    const violation = FACTS[fact].violation(graph);
    if (violation !== undefined)
      throw bug('E1281', `after ${after} it should hold that ${FACTS[fact].doc}; there is ${violation}`);
  }

  private need(fact: Fact, pass: Pass): void {
    const violation = this.facts.has(fact) ? undefined : FACTS[fact].violation(this.graph);
    if (violation !== undefined)
      throw usageError(
        'E2602',
        `pass ${pass.name} needs that ${FACTS[fact].doc}; there is ${violation}`,
        {},
        'run the passes before it that see to it',
      );
    this.facts.add(fact);
  }

  private context(pass: Pass): PassContext {
    const { target, autoCast, narrow, level, limit } = this.options;
    const rewrite = (): boolean => {
      if (pass.level > 0 && limit !== undefined && this.rewrites >= limit) return false;
      if (pass.level > 0) this.rewrites++;
      return true;
    };
    return { target, autoCast, narrow, level, rewrite };
  }

  private print(names: readonly string[] | undefined, when: 'before' | 'after', pass: Pass): void {
    if (names?.includes('all') || names?.includes(pass.name))
      this.options.onText?.(`${when} ${pass.name}`, printGraph(this.graph, constantBytes));
  }
}

function reproducer(pass: Pass, graph: Graph, options: RunOptions, message: string): Reproducer {
  const constants = new Map<string, Constant>();
  collectConstants(graph.body, constants);
  const { target, autoCast, narrow, level } = options;
  const command = ['opt', 'graph.txt', '--passes', pass.name, '--target', target.name, `-O${level}`];
  command.push('--auto-cast', autoCast, '--auto-cast-type', narrow === 'f16' ? 'fp16' : narrow);
  return { pass: pass.name, text: printGraph(graph, constantBytes), constants, command, message };
}

function collectConstants(region: Region, found: Map<string, Constant>): void {
  const see = (c: Constant | undefined): void => {
    if (c !== undefined && c.recipe.kind !== 'opaque' && c.dtype !== 'string')
      found.set(contentHash(constantBytes(c)), c);
  };
  for (const node of region.nodes) {
    for (const v of node.inputs) see(constantOf(v));
    for (const inner of node.regions) collectConstants(inner, found);
  }
  for (const v of region.results) see(constantOf(v));
}
