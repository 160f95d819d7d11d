import { endProcessTree } from '../process/end-process-tree.ts'
import { readProcess } from '../process/processes.ts'
import { INHERITED_FD } from '../process/run-process.ts'
import { findLockHolders } from './find-lock-holders.ts'

/**
 * Ends the processes that a dead worker has left under a stack's lock. Only Deployer opens that lock's file, so whoever holds
 * the lock under the number that children inherit was started by a worker; the worker itself has it under another number, for
 * as long as it lives. A worker in another container cannot be seen from here, and neither can what it started, which ends with its container.
 *
 * @param fd The lock's file in DATA_DIR, open in this process.
 */
export async function endOrphans(fd: number): Promise<void> {
  const started = findLockHolders(fd).filter((holder) => holder.fd === INHERITED_FD)
  // Looked for after its children: a worker that lives had the lock before they began, and has it until they have ended.
  const worker = started.length > 0 && findLockHolders(fd).some((holder) => holder.fd !== INHERITED_FD)
  if (worker) return
  const left = started.filter(({ pid, startTime }) => readProcess(pid)?.startTime === startTime)
  await Promise.all(left.map(({ pid }) => endProcessTree(pid)))
}
