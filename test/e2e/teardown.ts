import { down } from '../../lab/lab.ts'

/**
 * After the last test on the lab, also when one failed. The first that needs the lab brings it up. Who runs one file
 * after the other (test/worlds.ts) keeps the lab between them and takes it down himself.
 */
export async function teardown(): Promise<void> {
  if (process.env.LIFEBOAT_LAB_STAYS !== 'yes') await down()
}
