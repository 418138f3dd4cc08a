// E1xxx: broken invariants of neffc itself, traps of the simulated chip among them. Exit code 1.
import { type Entries, REPORT } from './entry.js';

export const BUGS: Entries = {
  E1000: ['Internal error', `Something happened that no part of neffc expects. ${REPORT}`],
  E1200: [
    'Field out of range',
    `An instruction was made with a field that its encoding cannot hold. ${REPORT}`,
  ],
  E1201: [
    'Unknown opcode',
    `A code stream holds an opcode that no instruction has. In a file this means damage; otherwise: ${REPORT}`,
  ],
  E1202: [
    'Instruction cut short',
    `A code stream ends inside an instruction. In a file this means damage; otherwise: ${REPORT}`,
  ],
  E1203: [
    'Reserved bits are set',
    `An instruction has bits set that its format keeps zero, so it is not the one encoding of what it says. ${REPORT}`,
  ],
  E1204: [
    'Unknown enumeration value',
    `An instruction names an element type, operation or function by a number that none has. ${REPORT}`,
  ],
  E1205: [
    'Not the canonical encoding',
    `An instruction could be encoded in another way than it is; there is one encoding for each. ${REPORT}`,
  ],
  E1206: [
    'Register binding',
    `An instruction binds a field that takes no register, or a register that does not exist. ${REPORT}`,
  ],
  E1207: [
    'Invalid DMA descriptor',
    `The bytes of a DMA descriptor do not follow its format. In a file this means damage; otherwise: ${REPORT}`,
  ],
  E1250: [
    'Operator table',
    `An operator of the graph is declared twice, or a graph names one that is not declared. ${REPORT}`,
  ],
  E1251: [
    'No evaluator',
    `An operator or element type was to be computed at compile time and has no evaluator. ${REPORT}`,
  ],
  E1252: [
    'Constant without values',
    'The graph was read from text, which names large constants by their hash, and their values are needed. Run `neffc opt` with passes that do not evaluate them, or start from the model file.',
  ],
  E1253: [
    'Rewrite changes a type',
    `A pass replaced a value by one of another element type or shape. ${REPORT}`,
  ],
  E1255: [
    'Graph cannot be evaluated',
    `The reference evaluator met a graph whose values are not in order. ${REPORT}`,
  ],
  E1260: ['Invalid sample', `An operator's random sample, used in tests, is not valid. ${REPORT}`],
  E1270: [
    'PyTorch signature',
    `A signature in the table of PyTorch operators cannot be used as it is. ${REPORT}`,
  ],
  E1271: ['Graph: unknown operator', `The verifier found an operator that is not declared. ${REPORT}`],
  E1272: [
    'Graph: operator schema',
    `The verifier found a node whose operands, attributes or regions its operator does not take. ${REPORT}`,
  ],
  E1273: ['Graph: wrong types', `The verifier found results of other types than inference gives. ${REPORT}`],
  E1274: [
    'Graph: use before definition',
    `The verifier found a value that is used where it is not defined. ${REPORT}`,
  ],
  E1275: ['Graph: doubled definition', `The verifier found a value or id that is defined twice. ${REPORT}`],
  E1276: [
    'Graph: impossible type',
    `The verifier found a type that cannot be, or outputs without names. ${REPORT}`,
  ],
  E1280: [
    'A pass failed',
    `A pass ended with an error. The reproducer folder holds its input as text and the command that runs it alone. ${REPORT}`,
  ],
  E1281: ['A pass broke its promise', `After a pass something does not hold that it says holds. ${REPORT}`],
  E1301: ['Lowering: axis', `A view of a value was asked for an axis that it does not have. ${REPORT}`],
  E1302: [
    'Lowering: partitions',
    `Operands of one instruction lie on partitions that cannot be addressed together. ${REPORT}`,
  ],
  E1303: [
    'Lowering: DRAM operand',
    `An engine was given an operand in DRAM, which only DMA reaches. ${REPORT}`,
  ],
  E1304: ['Lowering: access pattern', `A view needs more dims than an access pattern has. ${REPORT}`],
  E1305: ['Lowering: PSUM tile', `A tile of partial sums is wider than a bank. ${REPORT}`],
  E1306: ['Lowering: reduction', `A reduction needs more dims than one instruction has. ${REPORT}`],
  E1310: [
    'Lowering: transfer types',
    `A DMA transfer was asked to change the element type, which DMA cannot. ${REPORT}`,
  ],
  E1311: ['Lowering: transfer pattern', `A DMA transfer steps over partitions and bytes at once. ${REPORT}`],
  E1320: ['Lowering: symbolic dim', `A value reached the backend with a dim that is not known. ${REPORT}`],
  E1321: ['Lowering: order', `A value is used before the instructions that make it. ${REPORT}`],
  E1330: [
    'Lowering: no operation',
    `An operator was given to an engine that has no operation for it. ${REPORT}`,
  ],
  E1332: ['Lowering failed', `The kernel of an operator ended with an error. ${REPORT}`],
  E1340: [
    'Check of the lowered program',
    `The checker found an instruction in the lowered program that is not valid or not what it stands for. ${REPORT}`,
  ],
  E1341: [
    'Check of the schedule',
    `The checker found that the order or the addresses of the program change what it means. ${REPORT}`,
  ],
  E1342: [
    'Check of the encoded program',
    `The checker found a race, a deadlock or a read of unwritten memory in the encoded bytes. ${REPORT}`,
  ],
  E1401: [
    'Trap: out of bounds',
    `An instruction reaches outside of its memory, or an address is not aligned to its elements. ${REPORT}`,
  ],
  E1402: ['Trap: shapes', `The operands of an instruction have shapes that do not go together. ${REPORT}`],
  E1403: [
    'Trap: element types',
    `The operands of an instruction have element types that do not go together. ${REPORT}`,
  ],
  E1404: [
    'Trap: lossy narrowing',
    'An integer lost bits when it was narrowed to 32 bits on the chip. The model computes with integers beyond 2^31; keep them smaller, or use floats.',
  ],
  E1405: [
    'Trap: index out of range',
    'An indirect transfer was given an index outside of its table. Where an input value caused it, the exit code is 3.',
  ],
  E1406: ['Trap: write to a constant', `An instruction writes to memory that holds constants. ${REPORT}`],
  E1420: [
    'Trap: invalid instruction',
    `An instruction that is executed breaks a rule of the instruction set. ${REPORT}`,
  ],
  E1421: [
    'Trap: data race',
    `Two instructions touch the same bytes, one of them writes, and no semaphore orders them. ${REPORT}`,
  ],
  E1422: ['Trap: read of unwritten memory', `An instruction reads bytes that nothing has written. ${REPORT}`],
  E1423: [
    'Trap: write to a pin',
    `An instruction writes into a range that is pinned for constants. ${REPORT}`,
  ],
  E1424: [
    'Trap: accumulation without start',
    `A matrix product adds to partial sums that were never started. ${REPORT}`,
  ],
  E1425: ['Trap: semaphore', `A semaphore is incremented by more than one stream, or runs over. ${REPORT}`],
  E1426: [
    'Trap: deadlock',
    `All engines wait. The message says who waits for which count of whom. ${REPORT}`,
  ],
  E1427: ['Trap: calls too deep', `Calls of segments nest deeper than the chip allows. ${REPORT}`],
  E1428: [
    'Trap: watchdog',
    `An execution takes more instructions than the watchdog allows; it probably never ends. ${REPORT}`,
  ],
  E1429: ['Trap: control flow', `A branch or return leads outside of the code. ${REPORT}`],
  E1430: ['Trap: queue', `A DMA queue is triggered by two engines, or does not exist. ${REPORT}`],
  E1431: ['Trap: wait value', `A wait takes a value from a register that holds data. ${REPORT}`],
  E1501: ['Allocation problem', `The allocator was given sizes or lifetimes that cannot be. ${REPORT}`],
  E1510: [
    'Artifact to write is not valid',
    `The compiler made an artifact that its own format refuses. ${REPORT}`,
  ],
  E1432: [
    'Parameter not given',
    `A part of a decoding loop was joined without one of its operands. ${REPORT}`,
  ],
  E1512: [
    'Archive member',
    `A member of the artifact is too large for the archive, or has another size than announced. ${REPORT}`,
  ],
  E1521: [
    'Tensor without fixed shape',
    `The host program moves a tensor whose dims are not known. ${REPORT}`,
  ],
  E1522: ['Crop beyond the tensor', `An output says that it ends beyond its tensor. ${REPORT}`],
  E1523: ['Cores disagree', `Cores that ran the same request gave different outputs. ${REPORT}`],
  E1524: [
    'Host operator',
    `A host operator gave another number of results than the artifact says. ${REPORT}`,
  ],
  E1601: [
    'Tensor bytes',
    `A tensor was made with another number of bytes or values than its shape takes. ${REPORT}`,
  ],
  E1701: [
    'Kernels are missing',
    'The WASM kernels of the simulator are not there. Run `npm run build`; an installed package without them is damaged, install it again.',
  ],
  E1702: [
    'No WASM SIMD',
    'This JavaScript engine has no WASM SIMD, which the simulator needs. Use Node 20.11 or newer.',
  ],
  E1703: ['Kernel memory', `The kernels of the simulator need more scratch memory than they have. ${REPORT}`],
};
