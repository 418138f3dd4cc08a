// `neffc verify`: compares an artifact with recorded tensors or with its source model run elsewhere.
import { type Command, Option } from 'commander';
import { readArtifactFile } from '../../artifact/read.js';
import { type Diagnostic, EXIT, usageError } from '../../base/diagnostic.js';
import { readInputs } from '../../driver/inputs.js';
import { compareLayers, type LayerReport } from '../../driver/layers.js';
import { referenceFromModel } from '../../driver/model-reference.js';
import { type ReferenceSet, readReferenceData } from '../../driver/reference-data.js';
import { type Verification, verifyArtifact } from '../../driver/verify.js';
import { layerLines, verifyLines } from '../../report/verify-text.js';
import { loadArtifact } from '../../runtime/load.js';
import { modelOf } from '../../runtime/model-program.js';
import type { CommandSpec, OptionValues, Outcome } from '../command.js';
import { choiceOption } from '../option-values.js';
import type { Session } from '../session.js';
import { addInputOptions, addLoadOptions, type InputFlags, inputSources, type LoadFlags, loadOptions } from '../request-options.js';

interface VerifyFlags extends InputFlags, LoadFlags {
  readonly data?: string;
  readonly source?: string;
  readonly reference: 'onnxruntime' | 'interpreter';
  readonly layers?: boolean;
}

function configure(command: Command): void {
  command
    .argument('<artifact>', 'a .neff file')
    .option('--data <folder>', 'recorded input_K and output_K, .npy or .pb')
    .option('--model <file>', 'the source model; it is run on the inputs given, or on random ones')
    .addOption(
      new Option('--reference <runtime>', 'what runs the source model: onnxruntime (installed beside neffc) or interpreter (neffc’s own evaluators)')
        .argParser(choiceOption('--reference', ['onnxruntime', 'interpreter']))
        .default('onnxruntime'),
    )
    .option('--layers', 'compare every intermediate value with the source model, and name the first that departs');
  addInputOptions(command);
  addLoadOptions(command);
}
