/** From settings to the budgets of a server; a file of its own, since the primary process of several workers needs nothing else of access control. */
import { parseBudget } from '../config/byte-budget.ts'
import type { SettingValues } from '../config/settings.ts'
import type { ByteBudget, LimitSettings } from '../http/access/transfer-limits.ts'

/** The budgets that the settings ask for. */
export function limitsOf(values: SettingValues): LimitSettings {
  const budget = (text: string): ByteBudget | undefined => parseBudget(text)
  const count = (text: string) => (text === '' ? undefined : Number(text))
  const [addressBytes, tokenBytes] = [
    budget(values['limit-address']),
    budget(values['limit-token']),
  ]
  const addressTransfers = count(values['transfers-address'])
  const tokenTransfers = count(values['transfers-token'])
  return {
    ...(addressBytes && { addressBytes }),
    ...(tokenBytes && { tokenBytes }),
    ...(addressTransfers !== undefined && { addressTransfers }),
    ...(tokenTransfers !== undefined && { tokenTransfers }),
  }
}
