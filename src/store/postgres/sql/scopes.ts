export const SCOPES = `
`
