// `neffc opt`: passes on a graph, as text in and text out. A model file is imported first.
import { writeFileSync } from 'node:fs';
import type { Command } from 'commander';
import { type Diagnostic, usageError } from '../../base/diagnostic.js';
import { loadModel } from '../../driver/load-model.js';
import { sniffModel } from '../../frontend/sniff.js';
import type { Graph } from '../../ir/graph.js';
import { parseGraph } from '../../ir/parse.js';
import { printGraph } from '../../ir/print.js';
import { constantBytes } from '../../ops/evaluate.js';
import { checkGraph } from '../../ops/verify.js';
import { entriesNamed, PIPELINE } from '../../passes/pipeline.js';
import { passesOf, runPipeline } from '../../passes/run.js';
import { alignTable } from '../../report/text.js';
import type { CommandSpec, OptionValues, Outcome } from '../command.js';
import { givenBuckets, largestShapes } from '../model-options.js';
import {
  addTargetOptions,
  parseShape,
  parseTarget,
  readUserFile,
  repeated,
  type ShapeOption,
  words,
} from '../option-values.js';
import { addPassOptions, type PassFlags, passOptions, timingLines } from '../pass-options.js';
import type { Session } from '../session.js';

interface OptFlags extends PassFlags {
  readonly passes?: readonly string[];
  readonly list?: boolean;
  readonly output?: string;
  readonly inputShape?: readonly ShapeOption[];
  readonly target: string;
  readonly autoCast: 'none' | 'matmult' | 'all';
  readonly autoCastType: 'bf16' | 'fp16';
  readonly optimize: number;
}

function configure(command: Command): void {
  command
    .argument('[file]', 'graph text (docs/ir.md), or a model to import')
    .option('--passes <names>', 'passes and groups in order; default the whole pipeline', words)
    .option('--list', 'list the passes')
    .option('-o, --output <file>', 'where the graph goes; default standard output')
    .option('--input-shape <name=shape>', 'shape of an input of a model; repeatable', repeated(parseShape));
  addTargetOptions(command);
  addPassOptions(command);
}

function readGraph(path: string, flags: OptFlags): { graph: Graph; warnings: readonly Diagnostic[] } {
  const bytes = readUserFile(path, 'opt');
  if (sniffModel(bytes).kind !== 'unknown') {
    const inputShapes = largestShapes(givenBuckets(flags.inputShape ?? []));
    const { graph, diagnostics } = loadModel(path, { inputShapes });
    return { graph, warnings: diagnostics };
  }
  const graph = parseGraph(new TextDecoder().decode(bytes));
  checkGraph(graph, path);
  return { graph, warnings: [] };
}

function list(): Outcome {
  const passes = passesOf(PIPELINE).map(({ name, theme, level, doc }) => ({ name, theme, level, doc }));
  return {
    document: () => ({ passes }),
    text: () =>
      alignTable([
        ['pass', 'theme', 'from -O', ''],
        ...passes.map((p) => [p.name, p.theme, String(p.level), p.doc]),
      ]).map((line) => `${line}\n`),
  };
}

function opt([path]: readonly string[], values: OptionValues, session: Session): Outcome {
  const flags = values as unknown as OptFlags;
  if (flags.list === true) return list();
  if (path === undefined) throw usageError('E2001', "missing required argument 'file'");
  const { graph, warnings } = readGraph(path, flags);
  session.keep('graph.txt', () => printGraph(graph, constantBytes));
  const entries = flags.passes === undefined ? PIPELINE : entriesNamed(flags.passes);
  const { target, autoCast, autoCastType, optimize } = flags;
  const result = runPipeline(graph, entries, {
    target: parseTarget(target),
    autoCast,
    narrow: autoCastType === 'fp16' ? 'f16' : autoCastType,
    level: optimize,
    ...passOptions(flags, session),
  });
  const text = printGraph(result.graph, constantBytes);
  if (flags.output !== undefined) writeText(flags.output, text);
  return {
    diagnostics: warnings,
    document: () => ({ graph: text, passes: result.runs, rewrites: result.rewrites }),
    *text() {
      if (flags.output === undefined) yield text;
      if (flags.timePasses === true) for (const line of timingLines(result.runs)) yield `; ${line}`;
    },
  };
}

function writeText(path: string, text: string): void {
  try {
    writeFileSync(path, text);
  } catch (error) {
    throw usageError(
      'E2004',
      `the graph cannot be written: ${error instanceof Error ? error.message : String(error)}`,
      { file: path },
    );
  }
}

export const OPT: CommandSpec = {
  schema: 1,
  configure,
  run: opt,
};
