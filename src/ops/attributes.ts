// Attribute values by kind. Attributes are complete (infer.ts fills in defaults and checks kinds before anyone reads), so
// these only say in the type system what the schema has established.
import type { DType } from '../base/dtype.js';
import type { Attrs } from '../ir/constant.js';

export const intAttr = (attrs: Attrs, name: string): number => attrs[name] as number;
export const floatAttr = (attrs: Attrs, name: string): number => attrs[name] as number;
export const intsAttr = (attrs: Attrs, name: string): readonly number[] => attrs[name] as readonly number[];
export const stringAttr = (attrs: Attrs, name: string): string => attrs[name] as string;
export const dtypeAttr = (attrs: Attrs, name: string): DType => attrs[name] as DType;
export const flagAttr = (attrs: Attrs, name: string): boolean => attrs[name] === true;
