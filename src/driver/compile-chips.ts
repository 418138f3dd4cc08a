// The chip's part of a model, bucket by bucket: which of its stages become one program, and so share weights and pins.
import {
  type BackendOptions,
  type CompiledExecutable,
  compileGraphs,
  type NamedGraph,
} from '../backend/compile.js';
import type { Target } from '../chip/target.js';
import type { CompiledStage } from './assemble.js';
import { bucketSuffix } from './bucket-signature.js';
import type { Stage } from './host/stages.js';

export interface ChipOptions extends Pick<BackendOptions, 'level' | 'onStage'> {
  readonly target: Target;
  readonly backend?: Pick<BackendOptions, 'depthwise'>;
  readonly passes?: { readonly verifyEach?: boolean };
}

/**
 * The chip's stages, compiled. Where every bucket is one stage they become one program, with weights pinned once for all;
 * where the host runs between stages they do without pins.
 */
export function compileChips(
  staged: readonly { readonly bucket: string; readonly stages: readonly Stage[] }[],
  options: ChipOptions,
): CompiledStage[][] {
  const { target, level, onStage } = options;
  const backend = (pins: boolean): BackendOptions => ({
    kind: 'graph',
    level,
    pins,
    ...options.backend,
    check: options.passes?.verifyEach === true,
    ...(onStage && { onStage }),
  });
  const named = ({ name, graph }: Extract<Stage, { kind: 'chip' }>, bucket: string): NamedGraph => ({
    name: `${name}${bucketSuffix(bucket)}`,
    graph,
  });
  const whole = staged.map(({ stages }) => {
    const [only, ...more] = stages.filter((s) => s.kind === 'chip');
    return more.length === 0 ? only : undefined;
  });
  const together = whole.every((s) => s !== undefined)
    ? compileGraphs(
        whole.map((s, i) => named(s, staged[i]?.bucket ?? '')),
        target,
        backend(true),
      )
    : undefined;
  return staged.map(({ bucket, stages }, i) =>
    stages.map((stage): CompiledStage => {
      if (stage.kind === 'host') return { stage };
      const program = together ?? compileGraphs([named(stage, bucket)], target, backend(false));
      const compiled = program.executables[together === undefined ? 0 : i] as CompiledExecutable;
      return { stage, program, compiled };
    }),
  );
}
