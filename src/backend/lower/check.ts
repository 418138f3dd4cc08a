// The spec of a lowered program. Invariants:
//   1. a step is an instruction its engine has on the target, valid by every rule of the instruction set, with no waits,
//      increment or registers yet; a transfer is triggered by SP and has descriptors, valid by every rule for these;
//   2. every operand lies inside its buffer: its memory, its partitions, its bytes; buffers fit their memory, PSUM ones a bank;
//   3. in program order every byte is written before it is read, in the same section unless the buffer is resident; inputs,
//      constants and state are given, weights are filled by their group;
//   4. inputs and constants are never written, weights only by their group's filling, which reads constants and itself alone;
//   5. at the end every byte of every output is written;
//   6. buffers are numbered by their place in the list, steps name buffers of the list and nodes of the graph.
// All violations are reported. Knows neither order nor addresses: offsets count from the start of each buffer.

import { elementBytes } from '../../base/dtype.js';
import { partitionBytes } from '../../chip/constraints.js';
import { PARTITIONS, type Target } from '../../chip/target.js';
import { elementCount, staticShape } from '../../ir/type.js';
import type { Region } from '../../isa/footprint.js';
import { checkDescriptor } from '../../isa/rules-descriptor.js';
import { checkInstruction } from '../../isa/validity.js';
import type { Finding } from '../check/finding.js';
import {
  bufferText,
  operandsOf,
  type Placement,
  placedDescriptors,
  placedFootprints,
  placedInstruction,
  stepText,
} from '../check/placing.js';
import { WrittenBytes } from '../check/written.js';
import type { Buffer, Step } from './buffer.js';
import type { LoweredProgram, Port } from './lower.js';

/** Every violation of the invariants. */
export function checkLowered(program: LoweredProgram, target: Target): Finding[] {
  return new LoweredChecker(program, target).run();
}

const START_OF_BUFFER: Placement = { offset: () => 0, variable: (b) => b.id };

class LoweredChecker {
  private readonly program: LoweredProgram;
  private readonly target: Target;
  private readonly findings: Finding[] = [];
  private readonly written = new Map<Buffer, WrittenBytes>();
  private readonly weights = new Set<Buffer>();

  constructor(program: LoweredProgram, target: Target) {
    this.program = program;
    this.target = target;
  }

  run(): Finding[] {
    const { buffers, weights, sections, outputs } = this.program;
    buffers.forEach((b, i) => {
      this.checkBuffer(b, i);
    });
    weights.forEach((group, g) => {
      const own = new Set(group.buffers);
      for (const b of own) this.weights.add(b);
      group.steps.forEach((step, i) => {
        this.checkStep(step, `weight ${g} ${stepText(i, step)}`, own);
      });
    });
    for (const { name, steps } of sections) {
      for (const b of this.written.keys()) if (isOfSection(b)) this.written.delete(b);
      steps.forEach((step, i) => {
        this.checkStep(step, `${name} ${stepText(i, step)}`, undefined);
      });
    }
    for (const port of outputs) this.checkOutput(port);
    return this.findings;
  }

  private report(rule: string, at: string, message: string): void {
    this.findings.push({ rule, at, message });
  }

  private checkBuffer(b: Buffer, i: number): void {
    const at = bufferText(b);
    if (b.id !== i) this.report('buffers', at, `stands at place ${i}`);
    if (b.space === 'dram') {
      if (b.variable === undefined) this.report('buffers', at, 'in DRAM without a kind of variable');
      return;
    }
    if (b.start < 0 || b.parts < 1 || b.start + b.parts > PARTITIONS)
      this.report('buffers', at, `has partitions ${b.start}..${b.start + b.parts - 1}`);
    const most = b.space === 'psum' ? this.target.psum.bankBytes : partitionBytes('sbuf', this.target);
    if (b.bytes > most)
      this.report('buffers', at, `has ${b.bytes} bytes of a partition, at most ${most} fit`);
  }

  /** @param filling buffers of the weight that the step fills; undefined for steps of the program */
  private checkStep(step: Step, at: string, filling: ReadonlySet<Buffer> | undefined): void {
    const { instruction, engine, descriptors, origin } = step;
    if (instruction.waits.length > 0 || instruction.increment !== -1 || instruction.bindings.length > 0)
      this.report('envelope', at, 'has waits, an increment or registers');
    if (this.program.origins[origin] === undefined && this.program.origins.length > 0)
      this.report('origin', at, `names node ${origin} of ${this.program.origins.length}`);
    if (instruction.m === 'DMA') {
      if (engine !== 'sp') this.report('dma', at, 'is triggered by another engine than SP');
      if ((descriptors ?? []).length === 0) this.report('dma', at, 'has no descriptors');
      for (const [i, d] of placedDescriptors(step, START_OF_BUFFER).entries()) {
        for (const v of checkDescriptor(d, this.target))
          this.report(v.rule, `${at} descriptor ${i}`, v.message);
      }
    } else {
      for (const v of checkInstruction(placedInstruction(step, START_OF_BUFFER), this.target, engine))
        this.report(v.rule, `${at} ${v.field ?? ''}`, v.message);
    }
    for (const { name, buffer } of operandsOf(step)) {
      if (this.program.buffers[buffer.id] !== buffer)
        this.report('buffers', `${at} ${name}`, `names a buffer that is not listed`);
    }
    this.checkAccesses(step, at, filling);
  }

  private checkAccesses(step: Step, at: string, filling: ReadonlySet<Buffer> | undefined): void {
    const owners = buffersByRegion(step);
    for (const { reads, writes } of placedFootprints(step, START_OF_BUFFER)) {
      const here: { region: Region; write: boolean; buffer: Buffer | undefined }[] = [];
      for (const region of reads) here.push({ region, write: false, buffer: owners.reads.shift() });
      for (const region of writes) here.push({ region, write: true, buffer: owners.writes.shift() });
      for (const { region, write, buffer } of here) {
        if (buffer === undefined) {
          this.report('buffers', at, `${write ? 'writes' : 'reads'} memory that is no buffer’s`);
          continue;
        }
        const what = `${write ? 'writes' : 'reads'} ${buffer.space} ${bufferText(buffer)}`;
        if (!isInside(region, buffer))
          this.report('inside', at, `${what} outside of its bytes or partitions`);
        else if (write) this.checkWrite(region, buffer, at, what, filling);
        else this.checkRead(region, buffer, at, what, filling);
      }
    }
  }

  private checkRead(
    region: Region,
    b: Buffer,
    at: string,
    what: string,
    filling: ReadonlySet<Buffer> | undefined,
  ): void {
    if (filling !== undefined && !filling.has(b) && b.variable !== 'constant')
      this.report('weight', at, `${what}, which is neither a constant nor its own`);
    if (b.variable === 'input' || b.variable === 'constant' || b.variable === 'state') return;
    const hole = this.bytesOf(b).hole(region);
    if (hole !== undefined)
      this.report(
        'unwritten',
        at,
        `${what}, of which partition ${hole.partition} byte ${hole.offset} was not written before`,
      );
  }

  private checkWrite(
    region: Region,
    b: Buffer,
    at: string,
    what: string,
    filling: ReadonlySet<Buffer> | undefined,
  ): void {
    if (b.variable === 'input' || b.variable === 'constant')
      this.report('constant', at, `${what}, which is given`);
    if (this.weights.has(b) ? filling?.has(b) !== true : filling !== undefined)
      this.report(
        'weight',
        at,
        `${what}, which ${filling === undefined ? 'only its filling may write' : 'is not the weight that is filled'}`,
      );
    if (region.certain) this.bytesOf(b).add(region);
  }

  private checkOutput({ name, value, buffer }: Port): void {
    const shape = staticShape(value.type);
    const bytes = shape === undefined ? 0 : elementCount(shape) * elementBytes(value.type.dtype);
    if (bytes === 0) return;
    const span = { space: 'dram', variable: 0, start: 0, parts: 1, partitionStep: 1, certain: true } as const;
    const hole = this.bytesOf(buffer).hole({
      ...span,
      lo: 0,
      hi: bytes,
      base: 0,
      run: bytes,
      counts: [],
      strides: [],
    });
    if (hole !== undefined)
      this.report('output', `output ${name}`, `byte ${hole.offset} of ${bytes} is never written`);
  }

  private bytesOf(b: Buffer): WrittenBytes {
    const found = this.written.get(b) ?? new WrittenBytes();
    this.written.set(b, found);
    return found;
  }
}

/** Whether a buffer's bytes mean nothing in another section. */
function isOfSection(b: Buffer): boolean {
  return b.space === 'dram' ? b.variable === 'scratch' : b.weight !== true && b.resident !== true;
}

function isInside(r: Region, b: Buffer): boolean {
  if (r.space !== b.space || r.lo < 0 || r.hi > b.bytes) return false;
  return (
    b.space === 'dram' ||
    (r.start >= b.start && r.start + (r.parts - 1) * r.partitionStep < b.start + b.parts)
  );
}

/** Buffers of the regions of a step's footprints, in their order: told apart by giving each buffer addresses of its own. */
function buffersByRegion(step: Step): { reads: (Buffer | undefined)[]; writes: (Buffer | undefined)[] } {
  const apart = 2 ** 40;
  const named = [...new Set(operandsOf(step).map((o) => o.buffer))];
  const placement: Placement = {
    offset: (b) => (named.indexOf(b) + 1) * apart,
    variable: (b) => b.id,
  };
  const owner = (r: Region): Buffer | undefined => named[Math.round(r.lo / apart) - 1];
  const reads: (Buffer | undefined)[] = [];
  const writes: (Buffer | undefined)[] = [];
  for (const f of placedFootprints(step, placement)) {
    reads.push(...f.reads.map(owner));
    writes.push(...f.writes.map(owner));
  }
  return { reads, writes };
}
