// Parses the DUIS files named as arguments with @smartdcc/duis-parser and prints what it finds, as one JSON array.
const { readFileSync } = require('node:fs')
const { createRequire } = require('node:module')

const [folder, ...files] = process.argv.slice(2)
const duis = createRequire(folder + '/')('@smartdcc/duis-parser')
const found = files.map((file) => {
  try {
    const parsed = duis.parseDuis('simplified', readFileSync(file))
    return {
      response: duis.isSimplifiedDuisOutputResponse(parsed),
      alert: duis.isSimplifiedDuisResponseBody_DCCAlertMessage(parsed.body),
      parsed
    }
  } catch (error) {
    return { error: String(error) }
  }
})
process.stdout.write(JSON.stringify(found))
