// Flyway as a command: java -cp 'jars:jars/*' Migrate <jdbc-url> <user> <folder>, the password in IMS_MIGRATE_PASSWORD.
import org.flywaydb.core.Flyway;
import org.flywaydb.core.api.FlywayException;

public class Migrate {
    public static void main(String[] args) {
        try {
            var flyway = Flyway.configure()
                    .dataSource(args[0], args[1], System.getenv("IMS_MIGRATE_PASSWORD"))
                    .locations("filesystem:" + args[2])
                    .validateMigrationNaming(true)
                    .outOfOrder(true) // branches number their migrations ahead, and are merged in any order
                    .cleanDisabled(true)
                    .connectRetries(5)
                    .load();
            var result = flyway.migrate();
            System.out.println("migrated " + result.migrationsExecuted + ", schema version " + flyway.info().current().getVersion());
        } catch (FlywayException error) {
            System.err.println("ERROR " + error.getMessage());
            System.exit(1);
        }
    }
}
