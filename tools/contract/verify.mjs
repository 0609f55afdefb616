// Every webhook of a list by both public verifiers, at the moment the receiver's clock is said to show.
import { readFileSync } from 'node:fs'
import { Webhook as StandardWebhook } from 'standardwebhooks'
import { Webhook as SvixWebhook } from 'svix'

const packages = { standardwebhooks: StandardWebhook, svix: SvixWebhook }
const realNow = Date.now
const results = {}
for (const one of JSON.parse(readFileSync(0, 'utf8'))) {
  for (const [name, Webhook] of Object.entries(packages)) {
    Date.now = () => realNow() + one.clockMs
    let verdict = 'valid'
    try { new Webhook(one.secret).verify(one.body, one.headers) } catch (error) { verdict = error.constructor.name }
    results[`${one.name} by ${name}`] = verdict
  }
}
console.log(JSON.stringify(results))
