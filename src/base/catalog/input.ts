// E3xxx: files that are damaged or contradict themselves. Exit code 3. Nothing of a model is ever executed as code, and limits are
// checked before memory is taken.
import type { Entries } from './entry.js';

const AGAIN = 'Fetch or export it again.';
const DAMAGED = 'Copy or download the file again.';
const COMPILE_AGAIN = 'Copy the file again, or compile it again.';

export const INPUT: Entries = {
  E3001: ['Empty model file', `The file has no bytes. ${AGAIN}`],
  E3002: [
    'Not an ONNX model',
    'The file is no ONNX model in binary form. Give a .onnx file as exporters write it: protobuf, not text, not compressed.',
  ],
  E3003: ['Model is cut short', `A field of the file reaches beyond its end. ${AGAIN}`],
  E3004: ['Model is damaged', `The bytes are no valid protobuf message. ${AGAIN}`],
  E3005: [
    'Nested too deep',
    'Messages or types are nested deeper than any real model. Flatten nested If, Loop and Scan bodies.',
  ],
  E3006: [
    'Over a limit',
    'A size or count is beyond the limits that protect against damaged files. Simplify the model or save its weights as external data.',
  ],
  E3007: ['No graph', `The model has no graph. ${AGAIN}`],
  E3008: ['IR version', 'The file is of an IR version that is not known. Export it for an older one.'],
  E3009: [
    'Operator sets',
    'The operator-set imports of the model are missing, doubled or do not name a domain that is used. Export it again with one version for each domain.',
  ],
  E3010: ['Element type code', `A tensor or value has an element type that ONNX does not define. ${AGAIN}`],
  E3011: ['Negative dim', `A tensor has a negative dim. ${AGAIN}`],
  E3012: ['Too many elements', `A shape has more elements or axes than any model needs. ${AGAIN}`],
  E3013: [
    'Bytes against the shape',
    `A tensor has another number of bytes than its shape and type take. ${AGAIN}`,
  ],
  E3014: [
    'Tensor contradicts itself',
    `A tensor has values in two places, in none, or of another type. ${AGAIN}`,
  ],
  E3015: [
    'External data outside',
    'The model names a data file outside of its folder, which is never read. Put the data file beside the model and save it again with a relative location.',
  ],
  E3016: [
    'External data cannot be read',
    'A data file of the model is missing or cannot be read. Put it beside the model.',
  ],
  E3017: [
    'External data range',
    `A tensor is said to be at bytes that its data file does not have. ${AGAIN}`,
  ],
  E3018: [
    'Attribute is malformed',
    `An attribute has no value, several, or one of another kind than it says. ${AGAIN}`,
  ],
  E3019: ['Doubled name', `Two things of the model have the same name. ${AGAIN}`],
  E3020: ['Missing name', `A node, initializer or function has no name or operator. ${AGAIN}`],
  E3021: ['Test data', "A data file in ONNX's test format contradicts itself. Write it again."],
  E3040: [
    'Not a model',
    'The file is neither an ONNX model nor a TorchScript archive; the message says what it looks like. Files are told apart by content, never by name.',
  ],
  E3041: [
    'Model cannot be read',
    'The model file is missing or cannot be read. Check the path and its permissions.',
  ],
  E3042: [
    'File cannot be read',
    'A file that an option names is missing or cannot be read. Check the path and its permissions.',
  ],
  E3043: ['Not JSON', 'A file that has to be JSON is not. The message says where it stops being so.'],
  E3101: [
    'Use of an operator',
    'A node uses an operator in a way that its definition forbids. `onnx.checker` reports the same; export the model again.',
  ],
  E3102: [
    'Attribute of an operator',
    'An attribute that an operator needs is missing or of another kind. Export the model again.',
  ],
  E3103: ['Value computed twice', 'Two nodes make a value of the same name. Export the model again.'],
  E3104: ['Cycle', 'A value depends on itself. The graph is no graph of a model; export it again.'],
  E3105: [
    'Nothing computes a value',
    'A node or output takes a value that no input, initializer or node gives. The model is incomplete; export it again.',
  ],
  E3106: [
    'Function calls itself',
    'A function of the model is called within itself, or too deep. Inline it.',
  ],
  E3107: ['Sparse tensor', 'An index of a sparse tensor lies outside of its shape. Export the model again.'],
  E3210: ['Assembly text', 'A line of assembly text does not follow its grammar (docs/isa.md).'],
  E3230: [
    'Types do not fit',
    'The operands of a node have types that its operator does not take. Check the input shapes; otherwise export the model again.',
  ],
  E3231: [
    'Node does not fit its operator',
    'A node has other operands, attributes or results than its operator. Export the model again.',
  ],
  E3232: ['Graph text', 'A line of graph text does not follow its grammar (docs/ir.md).'],
  E3240: [
    'Input of the interpreter',
    "An input of the reference evaluation has another type or shape than the graph's.",
  ],
  E3301: [
    'Not a zip archive',
    'TorchScript models are zip archives, written by `torch.jit.save`; this file is something else.',
  ],
  E3302: ['Zip directory', `The directory of the archive is damaged. ${DAMAGED}`],
  E3303: [
    'Unsafe member name',
    'A member of the archive has a name that leads out of it. It is refused whole; where does the file come from?',
  ],
  E3304: ['Doubled member', `Two members of the archive have the same name. ${DAMAGED}`],
  E3305: ['Members overlap', `Members of the archive overlap or lie outside of the file. ${DAMAGED}`],
  E3306: ['Zip headers disagree', `The directory and a member's own header disagree. ${DAMAGED}`],
  E3307: [
    'Inflates beyond limits',
    'A member would become far larger than its bytes suggest. Write the archive with `torch.jit.save`, which does not compress.',
  ],
  E3308: ['Checksum', `A member does not have the checksum that the archive says. ${DAMAGED}`],
  E3309: ['Too many members', 'The archive has more members than any model. Where does the file come from?'],
  E3310: ['Deflate stream', `A compressed member cannot be read. ${DAMAGED}`],
  E3320: ['Pickle ends early', `A pickle of the archive ends in the middle of an operation. ${DAMAGED}`],
  E3321: ['Pickle is malformed', `A pickle of the archive does not follow its format. ${DAMAGED}`],
  E3322: [
    'Class in a pickle',
    'A pickle names a class that TorchScript archives do not use. Nothing of it was run. If the file came from torch.save, save it with `torch.jit.save`.',
  ],
  E3323: [
    'Pickle over a limit',
    "A pickle is larger or deeper than any model's. Where does the file come from?",
  ],
  E3324: ['Cyclic pickle', 'A pickle contains a value that contains itself. Where does the file come from?'],
  E3325: [
    'Tensor in a pickle',
    `A tensor or object of the archive has arguments that do not fit. ${DAMAGED}`,
  ],
  E3326: ['Tensor data', `A tensor of the archive reaches beyond its data. ${DAMAGED}`],
  E3340: [
    'Archive is incomplete',
    'A member that TorchScript archives have is missing. Save the model again with `torch.jit.save`.',
  ],
  E3341: [
    'Zip archive without a model',
    'The file is a zip archive, but none that PyTorch writes. Give the .pt or .ptl file itself.',
  ],
  E3342: ['Archive content', `A member of the archive holds something else than it has to. ${DAMAGED}`],
  E3343: ['Not text', `A source member of the archive is not UTF-8 text. ${DAMAGED}`],
  E3344: [
    'Member too large',
    'A member of the archive is larger than any real one. Where does the file come from?',
  ],
  E3360: ['Source: character', 'The serialized source holds something that is no token of TorchScript.'],
  E3361: [
    'Source: syntax',
    "The serialized source does not follow TorchScript's grammar. It is damaged, or written by a version that is not known.",
  ],
  E3362: [
    'Source: nested too deep',
    'The serialized source is nested deeper than any program that PyTorch writes.',
  ],
  E3363: ['Source: too long', 'The serialized source is longer than any program that PyTorch writes.'],
  E3364: ['Source: type', 'An expression stands in the source where a type has to.'],
  E3365: ['Source: class', 'A class of the serialized source is not formed as PyTorch writes them.'],
  E3371: ['Einsum equation', 'The equation of an einsum does not fit its operands.'],
  E3372: [
    'Axis or index',
    'The program names an axis or index that a tensor does not have for the given input shapes. Check `--input-shape`.',
  ],
  E3373: [
    'Shape',
    'The program asks for a shape that does not fit a tensor for the given input shapes. Check `--input-shape`.',
  ],
  E3374: [
    'Empty list of tensors',
    'The program joins a list of tensors that is empty for the given input shapes.',
  ],
  E3375: [
    'Arithmetic',
    'The program divides by zero or raises to a power beyond reason for the given input shapes.',
  ],
  E3376: [
    'Program',
    'The serialized program does something that TorchScript does not allow. It is damaged, or written by a version that is not known.',
  ],
  E3377: [
    'Model raises',
    "The model raises an exception for the given input shapes. The message is the model's own; check `--input-shape`.",
  ],
  E3378: ['Program nests too deep', 'Calls and expressions of the program nest deeper than can be followed.'],
  E3379: [
    'Loop state',
    'The decoding loop changes its state in a way that does not follow a straight line from step to step.',
  ],
  E3401: [
    'Target: fields',
    'A target file lacks a field or has an unknown one. docs/targets.md lists the fields; `base` fills in what is left out.',
  ],
  E3402: ['Target: type', 'A field of the target file has another type than it has to.'],
  E3403: [
    'Target: range',
    'A field of the target file is outside of its range. docs/targets.md lists the ranges.',
  ],
  E3501: ['File cannot be read', 'The artifact cannot be read. Check the path.'],
  E3502: [
    'Not a .neff',
    'The file is no artifact: it is too short or has no header. Give a file that `neffc compile` wrote.',
  ],
  E3503: [
    'Artifact has another size',
    `The file is longer or shorter than its header says. ${COMPILE_AGAIN}`,
  ],
  E3504: [
    'Newer format',
    'The artifact has a format that this version does not read. Use a newer neffc, or compile the model with this one.',
  ],
  E3505: [
    'Unknown feature',
    'The artifact needs a feature that this version does not have; the message names it. Use a newer neffc.',
  ],
  E3506: ['Header is damaged', `The artifact's header does not agree with itself. ${COMPILE_AGAIN}`],
  E3507: ['Artifact is damaged', `The content does not have the hash that the header says. ${COMPILE_AGAIN}`],
  E3509: [
    'Archive is malformed',
    `The archive in the artifact is not formed as neffc writes it. ${COMPILE_AGAIN}`,
  ],
  E3510: ['Members of the artifact', `A member is missing, unknown or too large. ${COMPILE_AGAIN}`],
  E3511: [
    'JSON of the artifact',
    `A JSON member does not have the form it has to; the message names the path. ${COMPILE_AGAIN}`,
  ],
  E3512: ['Counts of the artifact', `Counts of code, segments or executables do not agree. ${COMPILE_AGAIN}`],
  E3513: ['Descriptors of the artifact', `A DMA descriptor does not decode. ${COMPILE_AGAIN}`],
  E3520: ['Host program: names', `The host program names something that is not there. ${COMPILE_AGAIN}`],
  E3521: ['Host program: values', `The host program uses a value before it has one. ${COMPILE_AGAIN}`],
  E3522: [
    'Host program: loop',
    `A loop of the host program has a flag or rounds that cannot be. ${COMPILE_AGAIN}`,
  ],
  E3514: [
    'Not a problem of the allocator',
    'The CSV file lacks a column, or holds something else than whole numbers in range. Its columns are id, lower, upper and size.',
  ],
  E3523: ['Host program: tensor', `A tensor of the host program does not fit its variable. ${COMPILE_AGAIN}`],
  E3530: [
    'Host operators are missing',
    'The artifact needs host operators that this runtime does not have. Run it with a neffc that has them, or compile with `--host-ops forbid`.',
  ],
  E3541: [
    'Input does not fit',
    'An input has another element type or shape than the model takes. `neffc dump F.neff --signature` shows what it takes.',
  ],
  E3542: [
    'Input value too large',
    'An integer of an input is beyond what the device holds for it. Token ids and indices fit in 32 bits.',
  ],
  E3544: [
    'Input value out of range',
    'A value of an input, as a token id, leads outside of a table. Check the inputs against the vocabulary.',
  ],
  E3545: [
    'No bucket of these shapes',
    'A tensor has to have the shape of a bucket exactly. Give it in one of the shapes that the message lists, or compile with this one too; an image is fitted to a bucket by the steps `resize` and `pad` of `--preprocess`.',
  ],
  E3546: [
    'Fixed input',
    'The artifact was compiled for known values of this input, and the request gives others. Leave the input out, or compile with `--input-value` for these values.',
  ],
  E3550: ['Artifact: code', `Code of the artifact does not decode. ${COMPILE_AGAIN}`],
  E3551: [
    'Artifact: instruction',
    `An instruction of the artifact breaks a rule of the instruction set. ${COMPILE_AGAIN}`,
  ],
  E3552: ['Artifact: descriptor', `A DMA descriptor of the artifact breaks a rule. ${COMPILE_AGAIN}`],
  E3553: [
    'Artifact: semaphores',
    `A semaphore has two owners, or is waited for and never incremented. ${COMPILE_AGAIN}`,
  ],
  E3554: ['Artifact: queues', `A DMA queue is triggered by two engines. ${COMPILE_AGAIN}`],
  E3555: ['Artifact: pins', `Pinned ranges overlap, lie outside of SBUF or are written. ${COMPILE_AGAIN}`],
  E3556: ['Artifact: waits', `A wait takes its value from loaded data. ${COMPILE_AGAIN}`],
  E3557: ['Artifact: calls', `Calls nest too deep, or code does not end as it has to. ${COMPILE_AGAIN}`],
  E3558: ['Artifact: constants', `The index of constants does not agree with their bytes. ${COMPILE_AGAIN}`],
  E3559: ['Artifact: origins', `The debug map does not agree with the code. ${COMPILE_AGAIN}`],
  E3560: ['Artifact: names', `Names or variables of the artifact do not agree. ${COMPILE_AGAIN}`],
  E3601: [
    'Impossible tensor',
    'A tensor has a dim that is no count, or too many elements. The file that describes it is damaged.',
  ],
  E3611: ['Not a .npy file', 'The file is no readable .npy file. Write it with `numpy.save`.'],
  E3612: [
    '.npy length',
    'The .npy file holds another number of bytes than its shape takes. Copy or write it again.',
  ],
  E3613: [
    '.npz member',
    'A member of the .npz archive is no .npy file. Write the archive with `numpy.savez`.',
  ],
  E3614: ['Not an image', 'The file is no PNG or JPEG image, or is damaged.'],
  E3615: ['Image too large', 'The image has more pixels than are read. Scale it down.'],
  E3616: [
    'JSON tensor',
    "The JSON is no tensor of the input's type. Give nested arrays of numbers, as deep as the input has axes.",
  ],
  E3617: [
    'Unknown kind of file',
    'The file is no PNG, JPEG, .npy, .npz or JSON. Write it with `numpy.save`.',
  ],
  E3618: [
    'Elements do not fit',
    'The file holds elements that the input cannot take without changing them. Convert the array before saving it.',
  ],
  E3619: [
    'Not a vocabulary',
    '`--vocab` takes a list of strings, an object from string to id or from id to string; and the model needs an output of tokens.',
  ],
  E3620: [
    'No recorded output',
    'The folder has no output_K.npy or output_K.pb of the model, so there is nothing to compare.',
  ],
  E3621: [
    'Another model',
    'The source model does not have the inputs or outputs of the artifact. Give the model that was compiled.',
  ],
  E3630: [
    'Index out of range',
    'A constant index of the model lies outside of its axis. Export the model again.',
  ],
  E3660: [
    'Not a histogram',
    '`--lengths` takes an object from length to count, as in {"12": 340, "13": 271}.',
  ],
  E3661: ['Histogram is no JSON', 'The file of `--lengths` is no JSON.'],
};
