// Validity of DMA descriptors. Sides whose offset takes a register are bounded when triggered.
import { partitionBytes } from '../chip/constraints.js';
import { PARTITIONS, type Target } from '../chip/target.js';
import { descriptorFootprint, type Region } from './footprint.js';
import type { DmaDescriptor, DmaSide } from './operands.js';
import type { Variable } from './program.js';
import type { Report, Violation } from './rule.js';

export interface DescriptorSubject {
  readonly d: DmaDescriptor;
  readonly target: Target;
  /** The artifact's variables; without them DRAM bounds are not checked. */
  readonly variables: readonly Pick<Variable, 'bytes' | 'kind'>[] | undefined;
}

export interface DescriptorRule {
  readonly text: string;
  readonly check: (subject: DescriptorSubject, report: Report) => void;
}

const SIDES = ['src', 'dst'] as const;
const elements = (side: DmaSide): number => side.counts.reduce((n, c) => n * c, 1);

function sideForm(side: DmaSide, name: string, report: Report): void {
  if (side.space === 'dram') {
    if (side.partitionDim !== -1 || side.partition !== 0) report(name, `${name} in DRAM has partitions`);
  } else if (side.variable !== 0)
    report(name, `${name} in ${side.space.toUpperCase()} names variable ${side.variable}`);
  if (side.counts.some((c) => c < 1)) report(name, `${name} has counts ${side.counts.join(', ')}`);
}

function partitionsOf(region: Region): readonly [first: number, last: number] {
  return [region.start, region.start + (region.parts - 1) * region.partitionStep];
}

function regionBounds(
  region: Region,
  name: string,
  { target, variables }: DescriptorSubject,
  report: Report,
): void {
  if (region.space === 'dram') {
    if (variables === undefined) return;
    const variable = variables[region.variable];
    if (variable === undefined) report(name, `there is no variable ${region.variable}`);
    else if (region.lo < 0 || region.hi > variable.bytes)
      report(name, `${name} touches bytes ${region.lo}..${region.hi - 1} of a variable of ${variable.bytes}`);
    return;
  }
  const bytes = partitionBytes(region.space, target);
  if (region.lo < 0 || region.hi > bytes)
    report(name, `${name} touches bytes ${region.lo}..${region.hi - 1} of a partition of ${bytes}`);
  const [first, last] = partitionsOf(region);
  if (first < 0 || last >= PARTITIONS) report(name, `${name} has partitions ${first}..${last}`);
}

function bounds(subject: DescriptorSubject, report: Report): void {
  const { reads, writes } = descriptorFootprint(subject.d);
  const named: [string, Region | undefined][] = [
    ['src', reads[0]],
    ['dst', writes[0]],
    ['indirect', reads[1]],
  ];
  for (const [name, region] of named) {
    const moved = name !== 'indirect' && subject.d[name as 'src' | 'dst'].reg >= 0;
    if (region !== undefined && !moved) regionBounds(region, name, subject, report);
  }
}

export const DESCRIPTOR_RULES = {
  'dma-elements': {
    text: 'Both sides of a transfer have the same number of elements.',
    check: ({ d }, report) => {
      if (elements(d.src) !== elements(d.dst))
        report('dst', `dst has ${elements(d.dst)} elements, src ${elements(d.src)}`);
    },
  },
  'dma-sides': {
    text: 'A side in DRAM has a variable and no partitions, one in SBUF or PSUM partitions and no variable; counts are at least 1.',
    check: ({ d }, report) => {
      for (const name of SIDES) sideForm(d[name], name, report);
    },
  },
  'dma-bounds': { text: 'A transfer stays inside partitions, memories and variables.', check: bounds },
  'dma-constant': {
    text: 'No transfer writes a constant.',
    check: ({ d, variables }, report) => {
      if (d.dst.space === 'dram' && variables?.[d.dst.variable]?.kind === 'constant')
        report('dst', `variable ${d.dst.variable} is a constant`);
    },
  },
  'dma-indirect': {
    text: 'An indirect transfer has a bound of at least 1, and its row numbers lie in one partition at a multiple of 4 bytes.',
    check: ({ d }, report) => {
      if (d.indirect === undefined) return;
      if (d.indirect.bound < 1) report('indirect', `the bound is ${d.indirect.bound}`);
      if (d.indirect.offset % 4 !== 0) report('indirect', `row numbers at byte ${d.indirect.offset}`);
    },
  },
} as const satisfies Readonly<Record<string, DescriptorRule>>;

/** All violations of a descriptor. `variables` are the artifact's, for DRAM bounds. */
export function checkDescriptor(
  d: DmaDescriptor,
  target: Target,
  variables?: readonly Pick<Variable, 'bytes' | 'kind'>[],
): Violation[] {
  const violations: Violation[] = [];
  for (const [id, rule] of Object.entries<DescriptorRule>(DESCRIPTOR_RULES)) {
    rule.check({ d, target, variables }, (field, fact) =>
      violations.push({ rule: id, field, message: `${fact}. ${rule.text}` }),
    );
  }
  return violations;
}
