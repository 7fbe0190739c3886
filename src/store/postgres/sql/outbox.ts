export const OUTBOX = `
`
