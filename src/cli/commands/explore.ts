// `neffc explore`: compiles and simulates every variant of a model that generates, and prints their costs side by side.
import type { Command } from 'commander';
import { usageError } from '../../base/diagnostic.js';
import { prepareBoth, variantRequest } from '../../driver/generate/decode-request.js';
import { explore } from '../../driver/generate/explore.js';
import { exploreLines } from '../../report/explore-text.js';
import type { CommandSpec, OptionValues, Outcome } from '../command.js';
import { decodeRequest } from '../decode-options.js';
import { addModelOptions, type ModelFlags, modelOptions } from '../model-options.js';
import type { Session } from '../session.js';

function configure(command: Command): void {
  addModelOptions(command);
}

function run([model]: readonly string[], values: OptionValues, session: Session): Outcome {
  if (values.lengths === undefined)
    throw usageError('E2001', "explore needs '--lengths FILE.json', a histogram of output lengths");
  const options = modelOptions(values as unknown as ModelFlags, session);
  const request = decodeRequest(model, values, options.inputShapes);
  const prepared = prepareBoth(request, options);
  const [first] = prepared;
  if (first === undefined) throw usageError('E2044', 'no variant to choose from');
  const result = explore(prepared, variantRequest(request, first), options, () => session.elapsedMs());
  return {
    diagnostics: prepared.flatMap((p) => p.warnings),
    document: () => ({ ...result }) as never,
    text: () => exploreLines(result),
  };
}

export const EXPLORE: CommandSpec = {
  schema: 1,
  configure,
  run,
};
