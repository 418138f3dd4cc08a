// What a validator reports: every violation as a diagnostic, none thrown.
import type { Diagnostic, Place } from '../../base/diagnostic.js';

export type Report = (code: string, message: string, where?: Place) => void;

/** A report that collects, and what it has collected. */
export function collector(): { readonly found: Diagnostic[]; readonly report: Report } {
  const found: Diagnostic[] = [];
  const report: Report = (code, message, where) => {
    found.push({ code, severity: 'error', message, ...(where && { where }) });
  };
  return { found, report };
}
