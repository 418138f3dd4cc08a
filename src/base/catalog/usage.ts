// E2xxx: the command line or the API was used in a way that means nothing. Exit code 2.
import type { Entries } from './entry.js';

export const USAGE: Entries = {
  E2001: [
    'Wrong command line',
    'A command, option or argument is unknown, missing or too many. `neffc --help` lists the commands, `neffc COMMAND --help` their options.',
  ],
  E2002: [
    'Wrong option value',
    'An option has a value that it does not take. The message says what it takes.',
  ],
  E2003: [
    'Unknown target',
    '`--target` takes inf1, inf2, or a JSON file that describes a chip; `neffc targets` shows them, docs/targets.md explains the file.',
  ],
  E2004: [
    'Output cannot be written',
    'A file or folder that was to be written cannot be. Check the path, its permissions and the free space.',
  ],
  E2010: [
    'No such input (ONNX)',
    '`--input-shape` or `--preprocess` names an input that the model does not have. Use a name or a 0-based position from the list in the message.',
  ],
  E2011: [
    'Shape against the model',
    '`--input-shape` gives another number of dims than the model declares, or another size for a dim that it fixes. Dims that are fixed in the file cannot be changed: export the model with dynamic axes.',
  ],
  E2012: [
    'Type against the model',
    '`--input-shape` gives another element type than the model declares. Leave the type out.',
  ],
  E2013: [
    'Open dims',
    'The model leaves a dim of an input open, and it is not a batch dim that can be 1. Give the shape with `--input-shape NAME=1x3x224x224`.',
  ],
  E2021: [
    'Shape of an input is not known (TorchScript)',
    'TorchScript does not record the shapes of inputs. Give each with `--input-shape NAME=1x3x224x224`, by argument name or position.',
  ],
  E2022: [
    'No such input (TorchScript)',
    '`--input-shape` names an input that `forward` does not have. Use an argument name or a position; leaves of tuples and dicts are counted in order.',
  ],
  E2023: [
    'Python number as input',
    'The input is a Python number, so its shape is `scalar`: `--input-shape NAME=scalar`.',
  ],
  E2024: [
    'No method forward',
    'The archive has no method `forward` to compile. Script or trace a module that has one.',
  ],
  E2040: [
    'Variant against the target',
    'The decoding variant needs something that the target does not have. Choose another variant or another target.',
  ],
  E2041: [
    'No such executable',
    'The artifact has no executable of this name. `neffc dump F.neff` lists them.',
  ],
  E2042: ['Not a possible number of cores', 'The message says which numbers are possible.'],
  E2043: ['No such variable', 'A variable in DRAM is not there, or too small for what is read or written.'],
  E2044: ['No variant', 'Nothing is left to choose from. Allow more decoding variants.'],
  E2045: [
    'Options of different variants',
    'The option belongs to another decoding variant than the one chosen. Leave one of the two out.',
  ],
  E2046: [
    'Encoder and decoder',
    'A pair is given by `--encoder` and `--decoder`, both of them, in place of MODEL.',
  ],
  E2047: [
    'Too many partitions',
    'There are fewer steps than partitions asked for. Give a smaller `--partitions`, or more `--max-steps`.',
  ],
  E2048: [
    'Ends of partitions',
    'The ends given to `--partitions` must ascend, and the last must be the number of steps (`--max-steps`).',
  ],
  E2049: [
    'Steps of buckets',
    'The most new tokens follow from the shapes of the inputs, and differ between the buckets. Give `--max-steps`, which holds for all.',
  ],
  E2161: [
    'Unknown preprocessing step',
    '`--preprocess` knows grey, rgb, bgr, invert, resize, pad, mean=A:B:C and std=A:B:C, separated by commas.',
  ],
  E2162: [
    'Input takes no image',
    'The input has a shape or element type that no image can fill. Give its values as .npy, .npz or JSON.',
  ],
  E2163: [
    'Image of another size',
    'The image is not as large as the input. Scale it, or compile with `--preprocess NAME=resize`.',
  ],
  E2164: [
    'Mean or deviation',
    '`mean` and `std` take one value or one for each channel, and need an input of floats.',
  ],
  E2165: ['No such array', "The .npz archive has no array of the input's name. Save it under that name."],
  E2210: [
    'No such name in a decoder',
    'An option names an input or output that the decoder or encoder does not have. The message lists those there are.',
  ],
  E2211: [
    'Batch against the shapes',
    '`--batch` differs from the batch that `--input-shape` or the model gives. Give one of them.',
  ],
  E2510: [
    'Artifact cannot be written',
    'The output file cannot be written. Check the folder, its permissions and the free space; what was there before is unchanged.',
  ],
  E2520: [
    'Which model',
    'The artifact holds several models, or none of the name given. Name one with `--model`; `neffc dump F.neff --signature` lists them.',
  ],
  E2521: [
    'Inputs of a request',
    'An input is missing, unknown or given twice. `neffc dump F.neff --signature` shows the inputs, by name and position.',
  ],
  E2522: [
    'No such bucket',
    'The artifact has no bucket of this name. `neffc dump F.neff --signature` lists them.',
  ],
  E2523: ['Number of requests', 'Numbers of requests, cores and requests in flight are positive integers.'],
  E2525: [
    'No such part',
    'The artifact has no executable or segment of this name or number. The message lists them.',
  ],
  E2601: ['No such pass', 'A pass of this name does not exist. `neffc opt --list` shows all.'],
  E2602: [
    'Pass out of place',
    'The pass needs something that does not hold for this graph yet. Run the passes before it that see to it.',
  ],
};
