// `neffc dump`: an artifact from its summary down to each instruction.
import { type Command, Option } from 'commander';
import { readArtifactFile } from '../../artifact/read.js';
import type { View, ViewOptions } from '../../report/dump/view.js';
import { VIEWS } from '../../report/dump/views.js';
import type { CommandSpec, OptionValues, Outcome } from '../command.js';
import { integerOption } from '../option-values.js';
import { viewsDocument, viewsText } from '../views.js';

interface DumpFlags {
  readonly node?: string;
  readonly cores: number;
  readonly sharedWeights?: boolean;
}

function configure(command: Command): void {
  command.argument('<artifact>', 'a .neff file').option('--all', 'every view');
  for (const { name, doc } of VIEWS) {
    command.option(
      name === 'asm' ? '--asm [sg]' : `--${name}`,
      name === 'asm' ? `${doc}; of one executable or segment (name or number)` : doc,
    );
  }
  command
    .option('--node <name>', 'only what comes from this source node')
    .addOption(
      new Option('--cores <n>', 'cores, for --memory')
        .argParser(integerOption('--cores', 1, 4096))
        .default(1),
    )
    .option('--shared-weights', 'one copy of the constants for each chip, for --memory');
}

function chosenViews(values: OptionValues): readonly View[] {
  if (values.all === true) return VIEWS;
  const chosen = VIEWS.filter((view) => values[view.name] !== undefined);
  return chosen.length > 0 ? chosen : VIEWS.filter((view) => view.name === 'summary');
}

function dump([path = '']: readonly string[], values: OptionValues): Outcome {
  const flags = values as unknown as DumpFlags;
  const artifact = readArtifactFile(path);
  const views = chosenViews(values);
  const options: ViewOptions = {
    cores: flags.cores,
    sharedWeights: flags.sharedWeights === true,
    target: artifact.manifest.target,
    ...(flags.node !== undefined && { node: flags.node }),
    ...(typeof values.asm === 'string' && { part: values.asm }),
  };
  return {
    document: () => viewsDocument(artifact, views, options),
    text: () => viewsText(artifact, views, options),
  };
}

export const DUMP: CommandSpec = {
  schema: 1,
  configure,
  run: dump,
};
