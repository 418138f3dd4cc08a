// E4xxx: valid inputs that ask for what neffc does not do. Exit code 4; all that is found is listed at once.
import type { Entries } from './entry.js';

const EVAL = 'Call `eval()` on the model before saving it.';
const STATIC =
  'Everything that decides a shape has to be known when the model is compiled: give `--input-shape`, or export the model with constants there.';
const EXPORT =
  'Save the model itself with `torch.jit.save` of a traced or scripted module, or export it as ONNX.';

export const NOT_SUPPORTED: Entries = {
  E4001: [
    'Unsupported operators',
    'The model uses operators that neffc does not have; all are listed with their nodes. `neffc ops` shows those it has; express the others by them when exporting.',
  ],
  E4002: [
    'Unsupported use of an operator',
    'The operator is supported, but not in the way the node uses it. The message says what is in the way.',
  ],
  E4003: [
    'Value needed at compile time',
    `An operand that decides shapes or axes is computed when the model runs. ${STATIC}`,
  ],
  E4004: ['Shape needed at compile time', `An operator needs a shape that has open dims. ${STATIC}`],
  E4005: [
    'Model unrolls too far',
    'Loops and scans of known length are unrolled, and this one becomes too many nodes. Give shorter sequences or fewer iterations.',
  ],
  E4006: [
    'Inputs or outputs that are no tensors',
    'Sequences, maps and optionals whose length or presence is not known cannot be inputs or outputs. Export the model with tensors.',
  ],
  E4007: [
    'Opset version',
    'The model is written for a version of the operator set that neffc does not know. Export it for one that it does; the message names them.',
  ],
  E4008: [
    'Loop changes a shape',
    'A value that a loop carries has another type after an iteration. Where the loop generates tokens, compile with `--decode`; else keep shapes the same.',
  ],
  E4009: [
    'Constant too large',
    'A constant that would have to be computed at compile time is very large. Fix the shapes so that it is smaller.',
  ],
  E4010: [
    'Element type',
    'The file has an element type that neffc does not compute with. Convert the tensor when exporting.',
  ],
  E4020: [
    'Not built in this version',
    'The option or combination is known, but this version does not build it. The message says what to do in its place.',
  ],
  E4021: [
    'ONNX Runtime is not installed',
    '`verify --model` runs the source model in `onnxruntime-node`, which is optional. Install it beside neffc with `npm install onnxruntime-node`, or use `--reference interpreter`, or `--data` with recorded outputs.',
  ],
  E4022: [
    'ONNX Runtime refuses',
    'ONNX Runtime does not run the model or takes no tensors of this type. Use `--reference interpreter` or recorded outputs.',
  ],
  E4023: [
    'Host operators',
    'The model needs host operators in a way that an artifact cannot say: results whose shape depends on data, or outputs of a type that only the host holds. Leave them out when exporting.',
  ],
  E4100: [
    'No engine runs an operator',
    'The operator has no lowering for any engine of the chip. `neffc ops` lists what is supported.',
  ],
  E4110: [
    'Type that the chip does not hold',
    'The chip computes with floats of up to 32 bits and integers of up to 64. Convert float64 and other types to float32 when exporting.',
  ],
  E4111: ['Output type', 'The chip cannot write an output of this type. Cast it in the model.'],
  E4120: [
    'Spatial axes',
    "The operator works on images of more axes than the chip's kernels do. Reshape the model to two spatial axes.",
  ],
  E4121: [
    'Computed weights',
    'A transposed convolution takes its weights from a computation; they have to be constants.',
  ],
  E4122: [
    'Attention of several rows',
    'The backend computes attention of one row at a time here; longer ones are taken apart by a pass that was disabled. Do not disable it.',
  ],
  E4123: ['Product of types', 'No engine multiplies operands of these types. Cast them in the model.'],
  E4124: [
    'Grouped or integer convolution',
    'The convolution takes computed weights in groups, or adds to integers, which no kernel does. Use constant weights, or floats.',
  ],
  E4201: [
    'Tokens input not found',
    'The input that takes the tokens so far cannot be told. Name it with `--tokens-input`.',
  ],
  E4202: [
    'Scores not found',
    'The output with the scores of the next token cannot be told: none, or more than one, could be. Export the decoder with one.',
  ],
  E4203: [
    'Generation settings',
    'The start token, end token or largest number of steps is not known. Give `--bos`, `--eos` and `--max-steps`.',
  ],
  E4204: [
    'Pairing is ambiguous',
    'More than one pairing of outputs and inputs is possible. Say which with `--bind ENC_OUT=DEC_IN` or `--state DEC_IN=DEC_OUT`.',
  ],
  E4205: ['Input without a source', 'Nothing gives an input of the decoder. Bind it with `--bind`.'],
  E4206: [
    'Loop not understood',
    'The decoding loop of the model has another structure than those that are recognised. See docs/decode.md; or give encoder and decoder as two files.',
  ],
  E4207: [
    'Output behind the loop',
    'An output is computed from the loop in a way that does not follow from its tokens. Leave it out when exporting.',
  ],
  E4208: [
    'Decoder length',
    'The decoder cannot be built for a number of tokens that generation needs. Export it with a dynamic token axis.',
  ],
  E4209: [
    'Generation setting',
    'A setting of the folder changes what greedy search gives and is not built, as beam search or sampling. Change it in generation_config.json.',
  ],
  E4210: [
    'Folder is incomplete',
    'The folder lacks a file that decoding needs. Export it again with all its parts.',
  ],
  E4211: [
    'Nothing to decode',
    'The model has neither a loop nor a tokens input. Compile it without `--decode`.',
  ],
  E4250: [
    'Output without the loop',
    'An output does not depend on the decoding loop. Compile the encoder by itself for it.',
  ],
  E4260: [
    'Step not proven',
    'A step of the loop cannot be proven to depend on earlier tokens only, so it cannot be computed step by step, and it cannot be recomputed at each number of tokens either. The message names the node.',
  ],
  E4262: [
    'No loop over steps of their own',
    'A loop on the chip runs one step again and again. Where the decoder has to be recomputed at each number of tokens, each step is another program.',
  ],
  E4301: [
    'Zip feature',
    'The archive is encrypted, split, or compressed in a way that is not read. Write it again with `torch.jit.save`.',
  ],
  E4302: [
    'Class in the archive',
    'The archive holds objects of a class that is known but not read. Save a plain scripted module.',
  ],
  E4303: [
    'Tensor element type',
    'The archive holds tensors of an element type that is not read. Convert them before saving.',
  ],
  E4310: ['Values of tensors', `The program needs the value of a tensor when it is compiled. ${EXPORT}`],
  E4311: ['PyTorch element type', `The program asks for an element type that neffc does not have. ${EXPORT}`],
  E4313: ['Training mode', `A layer runs in training mode. ${EVAL}`],
  E4314: [
    'Use of a PyTorch layer',
    'The arguments of a layer do not fit together, or are not supported in this combination. The message says which.',
  ],
  E4316: [
    'Mask as index',
    'A tensor is indexed by a mask that depends on data. Use `torch.where` in place of such an index.',
  ],
  E4317: [
    'Archive version',
    'The archive has a newer file format than is read. Save it with an older PyTorch.',
  ],
  E4318: [
    'Use of a PyTorch operator',
    'The operator is supported, but not with these arguments. The message says which.',
  ],
  E4319: [
    'Sizes that depend on data',
    'The size of a result depends on the values of a tensor. Fix it in the program, for example the number of classes of `one_hot`.',
  ],
  E4320: [
    'Loop over data',
    'A loop ends where tensor data says so. A loop that generates tokens compiles with `--decode`.',
  ],
  E4321: [
    'Random numbers',
    `The model draws random numbers, which a compiled model does not do. ${EVAL} Or pass the noise as an input.`,
  ],
  E4322: [
    'Tensor of lists',
    'A tensor is made of lists that are ragged or hold something other than numbers.',
  ],
  E4323: ['Recurrent layer', 'A recurrent layer has parameters in an arrangement that is not known.'],
  E4324: [
    'Packed sequences',
    'Packed sequences of different or unknown lengths are not supported. Export the model without `pack_padded_sequence`.',
  ],
  E4325: [
    'Quantised tensors',
    'The operator is not supported on quantised tensors, or they are quantised in an unusual way.',
  ],
  E4326: [
    'Packed weights',
    'Weights that were packed for another machine are in a form that is not read. Save the model before it is prepared for that machine.',
  ],
  E4327: [
    'Strides',
    'The program asks for the strides of a tensor whose layout is not known when compiling. Call `contiguous()` first.',
  ],
  E4330: [
    'Tensor written through shared memory',
    'A tensor is read after it may have been written through memory that it perhaps shares. Clone it before the write.',
  ],
  E4331: [
    'In-place write',
    'A tensor is written in place in a way that has no meaning as values, for example through an expanded view. Clone it before the write.',
  ],
  E4340: [
    'Program too large',
    'Interpreting the program for the given shapes reaches a limit of size or depth. Shorten its loops.',
  ],
  E4341: ['Missing value', 'The program uses or returns a value that is not there for these inputs.'],
  E4342: [
    'In-place result of another shape',
    'An in-place operator gives a result of another shape than the tensor it writes.',
  ],
  E4343: [
    'Control flow over data',
    'A return, a break or the length of a list depends on the values of tensors. Use `torch.where` in place of the branch.',
  ],
  E4344: [
    'Argument type',
    'An argument of `forward` has a type that cannot be an input. Give it a default, or wrap the module.',
  ],
  E4345: [
    'Result type',
    '`forward` returns something that is no tensor. Wrap the module so that it returns tensors.',
  ],
  E4350: ['Checkpoint without code', `The file is a checkpoint that holds weights and no program. ${EXPORT}`],
  E4351: [
    'Old or other file',
    `The file is of PyTorch before 1.6, or of another format than TorchScript. ${EXPORT}`,
  ],
  E4352: ['torch.package', `The file is a torch.package, which holds Python source. ${EXPORT}`],
  E4353: ['torch.export program', `The file was saved by torch.export, which is not read. ${EXPORT}`],
  E4354: [
    'Program of another runtime',
    `The file holds code for another runtime (ExecuTorch, flatbuffers). ${EXPORT}`,
  ],
  E4355: [
    'Byte order',
    'The archive was written on a big-endian machine. Save it again on a little-endian one.',
  ],
  E4356: ['Bytecode only', `The archive holds bytecode and no source. ${EXPORT}`],
  E4510: [
    'Copies of a pipeline',
    'An artifact that is a pipeline over several cores is loaded once. Run it with `--cores 1`.',
  ],
  E4611: [
    'NumPy element type',
    'The .npy file has elements of a type that no tensor has. Save it with a number type.',
  ],
  E4612: ['Random strings', 'An input of strings has no random values. Give it with `--input`.'],
};
