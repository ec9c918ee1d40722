import { down } from '../../lab/lab.ts'

/** After the last test on the lab, also when one failed. The first that needs the lab brings it up. */
export async function teardown(): Promise<void> {
  await down()
}
